"""Rendered graphics: text, plots, flat colour with grain, mosaics, gratings.

A network that was trained on photographs alone fails on saturated or sharp graphics, so a small
part of the crops shows them. `lic.training.data` reads photographs, and cuts crops of both.
"""

from __future__ import annotations

import string
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lic.codec.pixels import Pixels

Draw = Callable[[np.random.Generator, int], Pixels]


def graphics(fraction: float, pixels: int, side: int, seed: int) -> list[Pixels]:
    """Pictures (side, side, 3) that make up a ``fraction`` of all pixels.

    The others are the ``pixels`` of photographs. All kinds take turns; the seed decides them.
    """
    count = round(fraction / (1 - fraction) * pixels / side**2)
    random = np.random.default_rng(seed)
    return [KINDS[index % len(KINDS)](random, side) for index in range(count)]


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    """A colour; half of them are saturated, a few are black or white."""
    kind = random.random()
    if kind < 0.15:
        return (0, 0, 0) if random.random() < 0.5 else (255, 255, 255)
    low = 0 if kind < 0.6 else random.integers(0, 200)
    channels = random.integers(low, 256, 3)
    if kind < 0.6:
        channels[random.permutation(3)[:2]] = (0, 255)
    red, green, blue = (int(value) for value in channels)
    return red, green, blue


def _paper_and_ink(random: np.random.Generator) -> tuple[tuple[int, int, int], ...]:
    """Two colours; mostly a light or dark paper, as pages and screens have it."""
    if random.random() < 0.5:
        return ((255, 255, 255), (0, 0, 0)) if random.random() < 0.6 else ((24, 26, 30), (220,) * 3)
    return _colour(random), _colour(random)


def _to_pixels(values: NDArray[np.float64]) -> Pixels:
    """Values rounded to 8-bit levels."""
    pixels: Pixels = values.round().clip(0, 255).astype(np.uint8)
    return pixels


def text(random: np.random.Generator, side: int) -> Pixels:
    """Lines of random words, from small print to headlines."""
    paper, ink = _paper_and_ink(random)
    image = Image.new("RGB", (side, side), paper)
    draw = ImageDraw.Draw(image)
    letters = list(string.ascii_letters + string.digits + ".,:;-()")
    top = 2.0
    while top < side:
        size = int(np.exp(random.uniform(np.log(7), np.log(48))))
        font = ImageFont.load_default(size)
        fill = ink if random.random() < 0.85 else _colour(random)
        for _ in range(int(random.integers(1, 5))):
            words = ("".join(random.choice(letters, random.integers(1, 11))) for _ in range(20))
            draw.text((float(random.integers(-20, 8)), top), " ".join(words), fill, font)
            top += 1.25 * size
    return np.asarray(image)


def plot(random: np.random.Generator, side: int) -> Pixels:
    """Axes, grid lines, curves, bars and labels."""
    paper, ink = _paper_and_ink(random)
    image = Image.new("RGB", (side, side), paper)
    draw = ImageDraw.Draw(image)
    pitch = int(random.integers(12, 48))
    faint = tuple((3 * p + i) // 4 for p, i in zip(paper, ink, strict=True))
    for at in range(pitch // 2, side, pitch):
        draw.line((at, 0, at, side), faint)
        draw.line((0, at, side, at), faint)
        draw.text((2, at), str(random.integers(0, 1000)), ink, ImageFont.load_default(10))
    for left in range(0, side, pitch) if random.random() < 0.5 else ():
        top = float(random.uniform(0.3, 1) * side)
        draw.rectangle((left, top, left + pitch // 2, side), _colour(random), outline=ink)
    x = np.arange(side)
    for _ in range(int(random.integers(1, 5))):
        walk = np.cumsum(random.normal(0, 1, side)) * random.uniform(0.2, 3)
        y = random.uniform(0.2, 0.8) * side + walk
        width = int(random.integers(1, 5))
        draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), _colour(random), width)
    return np.asarray(image)


def panels(random: np.random.Generator, side: int) -> Pixels:
    """Rectangles and ellipses of flat colour, with grain on all of it or none."""
    image = Image.new("RGB", (side, side), _colour(random))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(0, 14))):
        x, y = np.sort(random.integers(-side // 4, side * 5 // 4, (2, 2)), axis=1).tolist()
        box = (x[0], y[0], x[1], y[1])
        shape = draw.rectangle if random.random() < 0.6 else draw.ellipse
        shape(box, _colour(random), _colour(random) if random.random() < 0.3 else None)
    grain = random.choice([0.0, 2.0, 6.0, 15.0])
    channels = 1 if random.random() < 0.5 else 3
    return _to_pixels(np.asarray(image) + random.normal(0, grain, (side, side, channels)))


def mosaic(random: np.random.Generator, side: int) -> Pixels:
    """Cells of random colours: tiles, or threads of a few colours as in a textile."""
    height, width = random.integers(1, 24, 2)
    rows, columns = -(-side // height), -(-side // width)
    palette = np.array([_colour(random) for _ in range(int(random.integers(2, 12)))])
    if random.random() < 0.5:
        index = random.integers(len(palette), size=(rows, columns))
    else:
        unit = random.integers(len(palette), size=tuple(random.integers(2, 9, 2)))
        repeats = (rows // unit.shape[0] + 1, columns // unit.shape[1] + 1)
        index = np.tile(unit, repeats)[:rows, :columns]
    cells = palette[index].repeat(height, 0).repeat(width, 1)[:side, :side]
    return _to_pixels(cells + random.normal(0, random.choice([0.0, 8.0]), cells.shape))


def grating(random: np.random.Generator, side: int) -> Pixels:
    """Waves between two colours, straight or round, sharp or smooth, of a changing pitch."""
    y, x = np.mgrid[:side, :side] - random.uniform(0, side, (2, 1, 1))
    angle = random.uniform(0, np.pi)
    along = np.hypot(x, y) if random.random() < 0.3 else x * np.cos(angle) + y * np.sin(angle)
    pitch = np.exp(random.uniform(np.log(2.5), np.log(side)))
    wave = np.sin(2 * np.pi * along / pitch * (1 + random.uniform(0, 0.5) * along / side))
    wave = np.sign(wave) if random.random() < 0.3 else wave
    first, second = (np.array(_colour(random)) for _ in range(2))
    return _to_pixels(first + (second - first) * (0.5 + 0.5 * wave[..., None]))


KINDS: tuple[Draw, ...] = (text, plot, panels, mosaic, grating)
