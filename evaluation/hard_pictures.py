"""Synthetic pictures on which networks that were trained on photographs tend to fail.

For development: what a change does to them shows in no set of photographs. The pixels are the same
everywhere, and must stay so, or measurements could not be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lic.codec.output import write_file
from lic.codec.picture import picture_bytes
from lic.codec.pixels import Pixels
from lic.evaluation.drawing import (
    AMPLITUDE,
    CYCLE,
    SUBPIXELS,
    Colour,
    Integers,
    clipped,
    cosine,
    curve,
    disc,
    frame,
    gradient,
    landscape,
    noise,
    random_integers,
    rectangle,
    text,
    text_width,
    wave,
)

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
RED: Colour = (255, 0, 0)
GREEN: Colour = (0, 255, 0)
BLUE: Colour = (0, 0, 255)
YELLOW: Colour = (255, 255, 0)
MAGENTA: Colour = (255, 0, 255)
CYAN: Colour = (0, 255, 255)
SATURATED = (RED, GREEN, BLUE, YELLOW, MAGENTA, CYAN, (255, 128, 0), (128, 0, 255))
_WORDS = (
    "The quick brown fox jumps over the lazy dog. 0123456789 (a + b) * c = 42; "
    "Pack my box with five dozen liquor jugs! Sphinx of black quartz, judge my vow? "
)


def _canvas(height: int, width: int, colour: Colour = WHITE) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def _tiles(seed: int, height: int, width: int, side: int) -> Pixels:
    """Tiles of random saturated colours."""
    rows, columns = -(-height // side), -(-width // side)
    chosen = random_integers(seed, (rows, columns), len(SATURATED))
    tiles = np.array(SATURATED, np.uint8)[chosen]
    return tiles.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]


def mosaic_coarse() -> Pixels:
    """Saturated tiles of 32 pixels."""
    return _tiles(1, 384, 512, 32)


def mosaic_fine() -> Pixels:
    """Saturated tiles of 2, 3, 5 and 9 pixels."""
    picture = _canvas(383, 509)
    for i, side in enumerate((2, 3, 5, 9)):
        top, left = 192 * (i // 2), 255 * (i % 2)
        place = picture[top : top + 192, left : left + 255]
        place[:] = _tiles(10 + i, place.shape[0], place.shape[1], side)
    return picture


def mosaic_noisy() -> Pixels:
    """Saturated tiles of 13 pixels under noise."""
    tiles = _tiles(20, 384, 512, 13)
    return clipped(tiles + noise(21, tiles.shape, 40))


def textile_woven() -> Pixels:
    """A twill of saturated threads, 3 pixels wide, in stripes: a tartan seen from near."""
    height, width, thread = 385, 511, 3
    stripes = (RED, RED, BLUE, YELLOW, BLUE, GREEN, MAGENTA, GREEN, BLACK, RED, WHITE, BLUE)
    colours = np.array(stripes, np.int64)
    y, x = np.mgrid[:height, :width]
    row, column = y // thread, x // thread
    warp, weft = (colours[n // 5 % len(stripes)] for n in (column, row))
    over = ((row + column) % 4 < 2)[:, :, None]
    # A thread is darker at its edges.
    light = np.where(over[:, :, 0], x % thread == 1, y % thread == 1) * 90 + 165
    return clipped(np.where(over, warp, weft) * light[:, :, None] // 255)


def textile_printed() -> Pixels:
    """Flowers and dots printed on a linen with threads of one pixel."""
    height, width = 384, 512
    picture = _canvas(height, width, (200, 0, 60))
    for i in range(24):
        row, column = 32 + 64 * (i // 4), 64 + 128 * (i % 4) - 64 * (i // 4 % 2)
        petal = SATURATED[(3 + 5 * i) % len(SATURATED)]
        for y, x in ((-12, 0), (12, 0), (0, -12), (0, 12), (-8, -8), (8, 8), (-8, 8), (8, -8)):
            disc(picture, row + y, column + x, 8, petal)
        disc(picture, row, column, 6, YELLOW if petal != YELLOW else BLUE)
        for x in range(-48, 64, 16):
            disc(picture, row + 30, column + x, 3, (0, 40, 220))
    y, x = np.mgrid[:height, :width]
    threads = np.where((x + y) % 2, x * 7 % 5, y * 11 % 7) * 14
    return clipped(picture.astype(np.int64) - threads[:, :, None])


def _page(picture: Pixels, sizes: tuple[int, ...], colours: tuple[Colour, ...]) -> None:
    """Fill a picture with lines of text, of the sizes and colours in turn."""
    top, line = 6, 0
    while top < picture.shape[0] - 8:
        size = sizes[line % len(sizes)]
        start = 17 * line % len(_WORDS)
        words = (_WORDS * 3)[start : start + 8 * picture.shape[1] // (6 * size)]
        text(picture, top, 6, words, size, colours[line % len(colours)])
        top += size + size // 3 + 1
        line += 1


def text_black() -> Pixels:
    """Black text on white, from 8 to 40 pixels."""
    picture = _canvas(383, 509)
    _page(picture, (8, 9, 8, 11, 13, 16, 10, 24, 12, 32, 14, 40), (BLACK,))
    return picture


def text_coloured() -> Pixels:
    """Text on saturated colours: white, coloured, and of a luminance near the background's."""
    picture = _canvas(384, 512)
    grounds = (BLUE, RED, BLACK, (0, 110, 60), YELLOW, (120, 120, 120))
    inks = (
        (WHITE, YELLOW),
        (WHITE, (0, 90, 255)),
        (GREEN, MAGENTA, CYAN, RED),
        ((210, 20, 20), WHITE),
        (RED, BLUE, BLACK),
        ((255, 40, 40), (0, 150, 0), (60, 60, 255)),
    )
    for i, (ground, colours) in enumerate(zip(grounds, inks, strict=True)):
        top, left = 128 * (i // 2), 256 * (i % 2)
        place = picture[top : top + 128, left : left + 256]
        place[:] = ground
        _page(place, (8, 11, 16, 9, 13), colours)
    return picture


def plot() -> Pixels:
    """A chart: axes, a grid, thin curves, points, bars and a legend."""
    picture = _canvas(379, 513)
    area = picture[30:340, 48:500]
    height, width = area.shape[:2]
    for i in range(0, 11):
        rectangle(area, min(31 * i, height - 1), 0, 1, width, (220, 220, 220))
        rectangle(area, 0, min(45 * i, width - 1), height, 1, (220, 220, 220))
        text(picture, 26 + 31 * i, 20, f"{100 - 10 * i:3d}", 8, BLACK)
        text(picture, 346, 42 + 45 * i, f"{i / 2:.1f}", 9, BLACK)
    for i, tall in enumerate(random_integers(30, (12,), 60)):
        rectangle(area, height - 10 - int(tall), 8 + 37 * i, 10 + int(tall), 14, (180, 210, 255))
    x = np.arange(width * SUBPIXELS + 1)
    middle, swing = height * SUBPIXELS // 2, height * SUBPIXELS // 3
    colours = (RED, (0, 0, 200), (0, 140, 0), MAGENTA, BLACK)
    walk = np.cumsum(noise(31, x.shape, 3)) // 2
    curves = (
        middle + cosine(5 * x) * swing // AMPLITUDE,
        middle + cosine(x * x // 90) * swing // (2 * AMPLITUDE),
        middle - x // 6 + cosine(40 * x) * 12 // AMPLITUDE,
        middle + walk,
        height * SUBPIXELS - 20 - x * x // 3200,
    )
    for i, (rows, colour) in enumerate(zip(curves, colours, strict=True)):
        curve(area, rows, 4 + 2 * (i % 3), colour)
        for column in range(20 + 7 * i, width, 45):
            disc(area, int(rows[column * SUBPIXELS]) // SUBPIXELS, column, 3, colour)
    frame(picture, 30, 48, height, width, BLACK)
    rectangle(picture, 40, 380, 76, 108, WHITE)
    frame(picture, 40, 380, 76, 108, (120, 120, 120))
    for i, colour in enumerate(colours):
        rectangle(picture, 50 + 13 * i, 388, 1 + i % 2, 24, colour)
        text(picture, 46 + 13 * i, 418, f"curve {i + 1}", 10, BLACK)
    text(picture, 8, 150, "Rate and distortion", 16, BLACK)
    text(picture, 362, 230, "bits per pixel", 11, BLACK)
    return picture


def _window(picture: Pixels, title: str, bar: Colour) -> None:
    """Draw a window's frame and title over a whole picture."""
    height, width = picture.shape[:2]
    picture[:] = (240, 240, 240)
    picture[:20] = gradient(20, width, bar, clipped(np.array(bar) * 3 // 5).tolist())
    text(picture, 5, 8, title, 11, WHITE)
    for i, colour in enumerate(((255, 90, 80), (255, 190, 40), (40, 200, 60))):
        disc(picture, 10, width - 12 - 16 * i, 5, colour)
    frame(picture, 0, 0, height, width, (60, 60, 60))


def _button(picture: Pixels, top: int, left: int, words: str, colour: Colour) -> None:
    width = text_width(words, 10) + 16
    rectangle(picture, top, left, 20, width, WHITE)
    picture[top + 1 : top + 19, left + 1 : left + width - 1] = colour
    frame(picture, top, left, 20, width, (110, 110, 110))
    text(picture, top + 6, left + 8, words, 10, WHITE if sum(colour) < 400 else BLACK)


def interface() -> Pixels:
    """A desktop with windows, buttons, icons and text."""
    picture = gradient(384, 512, (0, 80, 160), (0, 160, 170))
    for i, colour in enumerate(SATURATED[:6]):
        rectangle(picture, 12 + 58 * i, 12, 32, 32, colour)
        frame(picture, 12 + 58 * i, 12, 32, 32, WHITE)
        disc(picture, 28 + 58 * i, 28, 10, WHITE)
        rectangle(picture, 22 + 58 * i, 27, 13, 3, colour)
        text(picture, 47 + 58 * i, 8, f"Item {i + 1}", 9, WHITE)
    editor = picture[16:260, 68:380]
    _window(editor, "editor - main.c", (40, 90, 200))
    rectangle(editor, 20, 1, 223, 310, (30, 30, 36))
    keywords = ((200, 120, 255), (120, 220, 255), (255, 180, 80), (160, 230, 120), (220, 220, 220))
    for i in range(20):
        text(editor, 26 + 11 * i, 6, f"{i + 1:2d}", 8, (110, 110, 120))
        indent = 24 + 12 * (i % 4)
        start = 23 * i % len(_WORDS)
        words = (_WORDS * 2)[start : start + 14]
        text(editor, 26 + 11 * i, indent, words, 8, keywords[i % 5])
        text(editor, 26 + 11 * i, indent + 90, words[::-1], 8, keywords[(i + 2) % 5])
    dialog = picture[150:350, 240:500]
    _window(dialog, "Settings", (120, 120, 130))
    for i in range(4):
        rectangle(dialog, 34 + 22 * i, 12, 11, 11, WHITE)
        frame(dialog, 34 + 22 * i, 12, 11, 11, (90, 90, 90))
        if i % 2 == 0:
            rectangle(dialog, 37 + 22 * i, 15, 5, 5, (0, 90, 220))
        text(dialog, 35 + 22 * i, 30, f"Option {i + 1}: keep pixels", 11, BLACK)
    ramp = gradient(180, 10, RED, BLUE)
    dialog[126:136, 12:192] = ramp.transpose(1, 0, 2)
    frame(dialog, 125, 11, 12, 182, BLACK)
    for i, (words, colour) in enumerate(
        (("Cancel", (225, 225, 225)), ("Apply", (225, 225, 225)), ("OK", (0, 100, 230)))
    ):
        _button(dialog, 164, 60 + 70 * i, words, colour)
    rectangle(picture, 364, 0, 20, 512, (20, 20, 24))
    text(picture, 369, 8, "Start", 11, WHITE)
    text(picture, 369, 450, "12:34:56", 9, (200, 200, 200))
    return picture


def _waves(first: Colour, second: Colour) -> Pixels:
    """Patches of waves between two colours: sines above, square waves below."""
    picture = _canvas(384, 511)
    # Steps of phase to the next row and column; half a cycle is Nyquist's limit.
    steps = (
        ((0, 128), (0, 512), (0, 1000), (0, 1900), (0, 2048), (2048, 2048), (2048, 0)),
        ((256, 0), (300, 520), (700, 250), (1000, 1000), (900, 1700), (1500, -1500), (40, 30)),
    )
    a, b = np.array(first), np.array(second)
    for i in range(28):
        rows, columns = steps[i // 7 % 2][i % 7]
        values = wave(96, 73, rows, columns)
        if i >= 14:
            values = np.where(values >= 0, AMPLITUDE, -AMPLITUDE)
        top, left = 96 * (i // 7), 73 * (i % 7)
        part = (values + AMPLITUDE)[:, :, None]
        picture[top : top + 96, left : left + 73] = (a * part + b * (2 * AMPLITUDE - part)) // (
            2 * AMPLITUDE
        )
    return picture


def gratings_gray() -> Pixels:
    """Sine and square waves from black to white, up to Nyquist's limit."""
    return _waves(WHITE, BLACK)


def gratings_coloured() -> Pixels:
    """The same from red to a green of the same luminance."""
    return _waves((255, 0, 0), (0, 130, 0))


def zone_plate() -> Pixels:
    """Circles that get narrower outwards up to Nyquist's limit; each sample has its own middle."""
    y, x = np.mgrid[:384, :512]
    planes: list[Integers] = []
    for row, column in ((191, 255), (150, 200), (230, 310)):
        phase = ((y - row) ** 2 + (x - column) ** 2) * CYCLE // 1280
        planes.append(128 + cosine(phase) * 127 // AMPLITUDE)
    return clipped(np.stack(planes, axis=2))


def film_grain() -> Pixels:
    """Film grain, weak and strong, on flat saturated colours."""
    height, width = 383, 511
    flat = _tiles(40, height, width, 128)
    grain = noise(41, (height + 1, width + 1, 3), 64)
    # Grains are larger than a pixel.
    grain = grain[1:, 1:] + grain[:-1, 1:] + grain[1:, :-1] + grain[:-1, :-1]
    strength = np.where(np.arange(width) < width // 2, 1, 3)[None, :, None]
    return clipped(flat // 4 * 3 + 32 + grain * strength // 16)


def gradients() -> Pixels:
    """Smooth gradients, in which bands of equal colour would show."""
    picture = _canvas(384, 512)
    pairs = ((BLACK, (24, 24, 24)), (BLUE, CYAN), ((40, 0, 60), (255, 90, 0)), (RED, MAGENTA))
    for i, (first, last) in enumerate(pairs):
        picture[:192, 128 * i : 128 * (i + 1)] = gradient(192, 128, first, last)
    y, x = np.mgrid[:192, :256]
    distance = (y - 96) ** 2 + (x - 128) ** 2
    picture[192:, :256] = clipped(255 - distance[:, :, None] * np.array((1, 2, 4)) // 128)
    picture[192:, 256:] = np.stack([y * 4 // 3, x, 255 - (x + y) // 2], axis=2)
    return picture


def checkerboards() -> Pixels:
    """Checkerboards of 1, 2, 4 and 8 pixels, gray and coloured."""
    picture = _canvas(384, 512)
    y, x = np.mgrid[:128, :128]
    pairs = ((BLACK, WHITE), (RED, BLUE), ((100, 100, 100), (140, 140, 140)))
    for i, (first, second) in enumerate(pairs):
        for j, side in enumerate((1, 2, 4, 8)):
            odd = ((y // side + x // side) % 2)[:, :, None]
            picture[128 * i : 128 * (i + 1), 128 * j : 128 * (j + 1)] = np.where(
                odd == 1, np.array(second), np.array(first)
            )
    return picture


def screenshot() -> Pixels:
    """A web page with text, buttons, and a picture like a photograph."""
    picture = _canvas(381, 510)
    _window(picture, "Travel - Browser", (70, 70, 90))
    rectangle(picture, 20, 1, 360, 508, WHITE)
    rectangle(picture, 20, 1, 24, 508, (225, 225, 230))
    rectangle(picture, 24, 60, 16, 380, WHITE)
    text(picture, 28, 66, "https://www.example.org/hills?page=2", 9, (80, 80, 80))
    text(picture, 52, 14, "Hills and clouds", 24, (180, 0, 40))
    picture[86:286, 14:314] = landscape(200, 300)
    _page(picture[84:290, 322:500], (9, 9, 9, 11), (BLACK, (40, 40, 40), (0, 0, 220)))
    _page(picture[290:346, 8:500], (10, 8), (BLACK, (90, 90, 90)))
    for i, (words, colour) in enumerate(
        (("Book now", (230, 60, 0)), ("Share", (0, 110, 220)), ("Print", (235, 235, 235)))
    ):
        _button(picture, 352, 14 + 100 * i, words, colour)
    return picture


_DRAWINGS: tuple[Callable[[], Pixels], ...] = (
    checkerboards,
    film_grain,
    gradients,
    gratings_coloured,
    gratings_gray,
    interface,
    mosaic_coarse,
    mosaic_fine,
    mosaic_noisy,
    plot,
    screenshot,
    text_black,
    text_coloured,
    textile_printed,
    textile_woven,
    zone_plate,
)


def hard_pictures() -> dict[str, Pixels]:
    """All pictures (height, width, 3; uint8, RGB) by name, sorted."""
    return {drawing.__name__.replace("_", "-"): drawing() for drawing in _DRAWINGS}


def write_hard_pictures(folder: Path) -> list[Path]:
    """Write each picture to the folder as a PNG file; raises OutputError."""
    paths = []
    for name, pixels in hard_pictures().items():
        path = folder / f"{name}.png"
        write_file(path, picture_bytes(pixels, path))
        paths.append(path)
    return paths
