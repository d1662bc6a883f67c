"""Training pictures: read once into one array of 8-bit pixels on the device, crops cut from there.

A batch gathers rows of that array, and is flipped, transposed and rescaled on the device: there is
no waiting for files or transfers. All random draws come from torch's generator on the CPU.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lic.codec.errors import PictureError
from lic.codec.picture import list_pictures, picture_header, read_picture
from lic.codec.pixels import Pixels
from lic.training.errors import TrainingError

_VALIDATION_PICTURES = 16


def _digest(path: Path) -> tuple[bytes, Path]:
    """A sort key: a pseudorandom order that depends on the files' names only."""
    return hashlib.sha256(path.name.encode("utf-8", "surrogatepass")).digest(), path


def split(folders: Sequence[Path], val: Path | None) -> tuple[list[Path], list[Path]]:
    """Paths for training and for validation (at most 16), in an order that depends on names only.

    Without a folder ``val``, one in twenty of the pictures is held out, but at least one of two.
    Pictures that are in ``val`` are not trained on, even if they are below ``folders``, too.
    """
    paths = sorted({path.resolve() for path in list_pictures(folders)}, key=_digest)
    if val is None:
        count = min(_VALIDATION_PICTURES, max(len(paths) // 20, 1 if len(paths) > 1 else 0))
        return paths[count:], paths[:count]
    held_out = sorted({path.resolve() for path in list_pictures([val])}, key=_digest)
    excluded = set(held_out)
    return [p for p in paths if p not in excluded], held_out[:_VALIDATION_PICTURES]


@dataclass(frozen=True)
class Usable:
    """Pictures that can be trained on, with their heights and widths, and why others cannot."""

    paths: list[Path] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Iterable[Path], min_side: int, most: int) -> Usable:
        """Look at the files' headers, until there are ``most`` pictures.

        A side of fewer than ``min_side`` pixels is too small.
        """
        found = cls()
        for path in paths:
            if len(found.paths) == most:
                found.skipped[path] = f"{path} is beyond the memory for pictures (max_pixels)"
                continue
            try:
                width, height, mode = picture_header(path)
            except PictureError as error:
                found.skipped[path] = str(error)
                continue
            if mode == "CMYK":
                found.skipped[path] = f"{path} is CMYK, whose colours on a screen are a guess"
            elif min(width, height) < min_side:
                found.skipped[path] = f"{path} has a side of fewer than {min_side} pixels"
            else:
                found.paths.append(path)
                found.shapes.append((height, width))
        return found


def _largest_share(shapes: Sequence[tuple[int, int]], budget: float) -> float:
    """The limit of pixels per picture with which all pictures together fit the budget."""
    left, ordered = budget, sorted(height * width for height, width in shapes)
    for index, area in enumerate(ordered):
        share = left / (len(ordered) - index)
        if area > share:
            return share
        left -= area
    return float(ordered[-1]) if ordered else 0.0


def _reduced(shape: tuple[int, int], share: float, min_side: int) -> tuple[int, int]:
    """The shape scaled to at most about ``share`` pixels, no side below ``min_side``."""
    scale = min(1.0, (share / (shape[0] * shape[1])) ** 0.5)
    height = max(int(shape[0] * scale), min_side)
    width = max(int(min(shape[1] * scale, share / height)), min_side)
    return max(int(min(height, share / width)), min_side), width


def _middle(pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    """The middle part, of a given shape, of a picture (H, W, 3)."""
    top, left = ((n - part) // 2 for n, part in zip(pixels.shape[:2], shape, strict=True))
    return pixels[top : top + shape[0], left : left + shape[1]]


class CropDataset:
    """Random square crops of pictures, flipped and transposed at random.

    If all pictures have more than ``max_pixels``, only the middles of the larger ones are kept, so
    that as many pictures as possible are used. ``skipped`` has the reason for each skipped file.

    Parameters
    ----------
    paths
        Picture files.
    min_side
        The least side of a picture, in pixels: that of the largest crop.
    max_pixels
        How many pixels to keep in memory, 3 bytes each.
    device
        Where the pixels are kept and the crops are made.
    advance
        Called after each picture that was read.
    draw
        Gives further pictures (H, W, 3), such as rendered ones, for the number of pixels read; no
        side is below ``min_side``.

    Raises
    ------
    TrainingError
        If no picture remains.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        min_side: int,
        max_pixels: float,
        device: torch.device,
        advance: Callable[[], None] = lambda: None,
        draw: Callable[[int], Sequence[Pixels]] = lambda pixels: (),
    ) -> None:
        usable = Usable.of(paths, min_side, max(int(max_pixels / min_side**2), 1))
        self.skipped = usable.skipped
        share = _largest_share(usable.shapes, max_pixels)
        parts = [_reduced(shape, share, min_side) for shape in usable.shapes]
        pixels = np.empty((sum(height * width for height, width in parts), 3), dtype=np.uint8)
        used, places = 0, []
        for path, shape, picture in zip(usable.paths, parts, _read_all(usable.paths), strict=True):
            advance()
            if isinstance(picture, PictureError):
                self.skipped[path] = str(picture)
                continue
            # The header gives the shape without EXIF's orientation, which may turn the picture.
            turned = (picture.shape[1] > picture.shape[0]) != (shape[1] > shape[0])
            part = _middle(picture, shape[::-1] if turned else shape)
            pixels[used : used + shape[0] * shape[1]] = part.reshape(-1, 3)
            places.append((used, part.shape[0], part.shape[1]))
            used += shape[0] * shape[1]
        if not places:
            raise TrainingError(
                f"none of {len(paths)} pictures can be used"
                + "".join(f"; {reason}" for reason in list(self.skipped.values())[:3])
            )
        self.photographs = len(places)
        drawn = draw(used)
        rows = [pixels[:used], *(part.reshape(-1, 3) for part in drawn)]
        for part in drawn:
            places.append((used, part.shape[0], part.shape[1]))
            used += part.shape[0] * part.shape[1]
        self.device = device
        self.min_side = min_side
        self.pixels = torch.from_numpy(np.concatenate(rows)).to(device)
        self.places = torch.tensor(places)
        self._areas = (self.places[:, 1] * self.places[:, 2]).double()

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, size: int, side: int, shrink: float = 1.0) -> Tensor:
        """A batch (size, 3, side, side) of crops in 0..1, float32, channels last.

        Pictures are drawn by their area. The crops are of ``shrink`` times the side (as far as the
        smallest picture allows), reduced by an antialiased bilinear filter.
        """
        source = min(round(side * shrink), self.min_side)
        chosen = self.places[torch.multinomial(self._areas, size, replacement=True)]
        free = chosen[:, 1:] - source + 1
        corner = (torch.rand(size, 2, dtype=torch.float64) * free).long()
        drawn = torch.cat((chosen[:, ::2], corner, torch.randint(2, (size, 3))), dim=1)
        # One transfer for all draws; each is (size, 1, 1).
        parts = drawn.to(self.device)[:, :, None, None].unbind(1)
        start, width, top, left, upside_down, mirrored, transposed = parts
        i = torch.arange(source, device=self.device)[None, :, None]
        j = i.transpose(1, 2)
        rows = torch.where(transposed > 0, j, i)
        columns = torch.where(transposed > 0, i, j)
        rows = torch.where(upside_down > 0, source - 1 - rows, rows) + top
        columns = torch.where(mirrored > 0, source - 1 - columns, columns) + left
        index = start + rows * width + columns
        crops = self.pixels[index].permute(0, 3, 1, 2).float() / 255
        if source != side:
            crops = F.interpolate(crops, size=(side, side), mode="bilinear", antialias=True)
        return crops


def recoloured(crops: Tensor, share: float) -> Tensor:
    """Crops (B, 3, H, W) in 0..1, of which about ``share`` have other colours.

    Their channels are permuted, each one's contrast changes by up to 1.5 times, and the saturation
    by up to twice. Draws come from torch's random numbers on the CPU.
    """
    batch = len(crops)
    chosen = torch.rand(batch) < share
    order = torch.rand(batch, 3).argsort(1)
    contrast = 1.5 ** (2 * torch.rand(batch, 3) - 1)
    saturation = 2 ** (2 * torch.rand(batch, 1, 1) - 1)
    permuted = contrast[:, :, None] * torch.eye(3)[order]
    gray = permuted.mean(1, keepdim=True)
    matrix = torch.where(chosen[:, None, None], gray + saturation * (permuted - gray), torch.eye(3))
    if not chosen.any():
        return crops
    mixed = torch.einsum("bij,bjhw->bihw", matrix.to(crops.device), crops - 0.5) + 0.5
    return mixed.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def _read(path: Path) -> Pixels | PictureError:
    try:
        return read_picture(path)
    except PictureError as error:
        return error


def _read_all(paths: Sequence[Path]) -> Iterator[Pixels | PictureError]:
    """Pictures in order, read by threads that stay a few pictures ahead."""
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(paths), 4 * workers):
            yield from pool.map(_read, paths[first : first + 4 * workers])


def validation_crops(paths: Sequence[Path], side: int) -> list[Tensor]:
    """The middles (1, 3, h, w; uint8) of pictures, h and w multiples of 64 up to ``side``.

    Pictures that cannot be read, or are smaller than 64 pixels, are left out.
    """
    crops = []
    for picture in _read_all(paths):
        if isinstance(picture, PictureError) or min(picture.shape[:2]) < 64:
            continue
        height, width = (min(side, n // 64 * 64) for n in picture.shape[:2])
        part = np.ascontiguousarray(_middle(picture, (height, width)))
        crops.append(torch.from_numpy(part).permute(2, 0, 1)[None])
    return crops


def summary(skipped: dict[Path, str]) -> str:
    """The reasons for the first ten skipped files, and the number of the others."""
    reasons = list(skipped.values())
    lines = [f"skipped: {reason}" for reason in reasons[:10]]
    if len(reasons) > 10:
        lines.append(f"skipped: {len(reasons) - 10} more")
    return "\n".join(lines)
