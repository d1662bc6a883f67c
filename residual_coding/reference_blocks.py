"""FORMAT.md's section "Blocks": units that are predicted and corrected by a transform."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lic.residual_coding.reference_bits import Bits, Numbers, Weights, probabilities

Integers = NDArray[Any]

UNIT = 16
QUARTER = (91, 90, 89, 87, 83, 80, 75, 70, 64, 57, 50, 43, 36, 25, 18, 9, 0)


def basis(side: int) -> Integers:
    """The transform's matrix (frequency, sample)."""
    k, n = np.mgrid[:side, :side]
    j = k * (2 * n + 1) * (16 // side) % 64
    j = np.minimum(j, 64 - j)
    quarter = np.array(QUARTER)
    rows = np.where(j <= 16, quarter[np.minimum(j, 16)], -quarter[np.minimum(32 - j, 16)])
    rows[0] = 64
    return rows


def inverse_transform(coefficients: Integers) -> Integers:
    """Samples of coefficients (side, side), in 1/16."""
    side = len(coefficients)
    matrix, shift = basis(side), 7 if side == 8 else 8
    half = (matrix.T @ coefficients + 128) >> 8
    samples: Integers = (half @ matrix + (1 << shift - 1)) >> shift
    return samples


def scan(side: int) -> list[tuple[int, int]]:
    """Rows and columns of a block in the order of its levels."""
    places = []
    for d in range(2 * side - 1):
        diagonal = [(y, d - y) for y in range(side) if 0 <= d - y < side]
        places += diagonal if d % 2 else diagonal[::-1]
    return places


def predict(kind: int, picture: Integers, base: Integers, x0: int, y0: int, side: int) -> Integers:
    """What is around a block predicts for it, (side, side, 3)."""
    height, width = picture.shape[:2]

    def pixel(x: int, y: int) -> Any:
        return picture[min(y, height - 1), min(x, width - 1)]

    above, left = y0 > 0, x0 > 0
    none = np.full(3, 128)
    without = pixel(x0 - 1, y0) if left else pixel(x0, y0 - 1) if above else none
    t = [pixel(x0 + i, y0 - 1) if above else without for i in range(2 * side)]
    l = [pixel(x0 - 1, y0 + i) if left else without for i in range(side)]  # noqa: E741
    q = pixel(x0 - 1, y0 - 1) if above and left else t[0] if above else l[0]
    last, half = side - 1, side // 2
    mean = (np.sum([*t[:side], *l], axis=0) + side) // (2 * side)
    scale, shift = (17, 5) if side == 8 else (5, 6)

    def slope(edge: list[Integers]) -> Integers:
        before = [q, *edge]
        rise = sum(i * (edge[half - 1 + i] - before[half - i]) for i in range(1, half + 1))
        tilt: Integers = (scale * rise + (1 << shift - 1)) >> shift
        return tilt

    across, down = slope(t), slope(l)

    def at(y: int, x: int) -> Any:
        match kind:
            case 0:
                return base[min(y0 + y, height - 1), min(x0 + x, width - 1)]
            case 1:
                return mean
            case 2:
                tilt = across * (x - half + 1) + down * (y - half + 1)
                return (16 * (t[last] + l[last]) + tilt + 16) >> 5
            case 3:
                return t[x]
            case 4:
                return l[y]
            case 5:
                return t[x] + l[y] - q
            case 6:
                rows = (last - x) * l[y] + (x + 1) * t[last]
                columns = (last - y) * t[x] + (y + 1) * l[last]
                return (rows + columns + side) // (2 * side)
            case _:
                end = 2 * side - 1
                i = x + y
                return (t[i] + 2 * t[min(i + 1, end)] + t[min(i + 2, end)] + 2) >> 2

    rows = [[at(y, x) for x in range(side)] for y in range(side)]
    samples: Integers = np.clip(np.array(rows), 0, 255)
    return samples


class BlockModel:
    """Reads units of blocks into a picture (height, width, 3)."""

    def __init__(
        self, bits: Bits, picture: Integers, base: Integers, independent: int, step: int
    ) -> None:
        self.bits, self.picture, self.base, self.independent = bits, picture, base, independent
        scales = (256, 256, 256) if independent else (148, 181, 148)
        self.steps = [step * scale >> 8 for scale in scales]
        if not independent:
            self.steps = [max(step, 1) for step in self.steps]
        self.contexts = probabilities()
        self.weights: dict[tuple[int, int, int], Weights] = defaultdict(lambda: Weights(2))
        self.numbers: dict[tuple[int | str, ...], Numbers] = defaultdict(lambda: Numbers(bits))

    def read(self, by_pixel: NDArray[np.int64]) -> None:
        """Read all units that are not coded pixel by pixel."""
        # Kind, whether it has levels, whether it is halved.
        units: dict[tuple[int, int], tuple[int, int, int]] = defaultdict(lambda: (8, 0, 0))
        for (row, column), skipped in np.ndenumerate(by_pixel):
            if skipped:
                units[row, column] = (0, 0, 0)
            else:
                left, above = units[row, column - 1], units[row - 1, column]
                units[row, column] = self.read_unit(UNIT * column, UNIT * row, left, above)

    def read_unit(
        self, x0: int, y0: int, left: tuple[int, int, int], above: tuple[int, int, int]
    ) -> tuple[int, int, int]:
        """Read a unit; its kind, whether it has levels, whether it is halved."""
        node = 1
        for _ in range(3):
            node = 2 * node + self.bits.bit(self.contexts["kind", left[0], node], 100)
        kind = node - 8
        coded = self.bits.bit(self.contexts["coded", left[1] + 2 * above[1]], 100)
        halved = 0
        if coded:
            halved = self.bits.bit(self.contexts["halved", left[2] + above[2]], 100)
        side = UNIT // 2 if halved else UNIT
        corners = [(x0 + x, y0 + y) for y in range(0, UNIT, side) for x in range(0, UNIT, side)]
        levels = [self.read_block(side) if coded else None for _ in corners]
        for (x, y), block in zip(corners, levels, strict=True):
            samples = predict(kind, self.picture, self.base, x, y, side)
            if block is not None:
                samples = np.clip(samples + ((self.errors(block) + 8) >> 4), 0, 255)
            place = self.picture[y : y + side, x : x + side]
            place[:] = samples[: place.shape[0], : place.shape[1]]
        return kind, coded, halved

    def read_block(self, side: int) -> list[Integers]:
        """The levels (side, side) of the three channels of a block."""
        levels: list[Integers] = []
        for c in range(3):
            around = sum(bool(other.any()) for other in levels)
            levels.append(self.read_levels(side, c, around))
        return levels

    def read_levels(self, side: int, c: int, around: int) -> Integers:
        """The levels (side, side) of a channel."""
        sizes = np.zeros((side + 2, side + 2), np.int64)
        negative = np.zeros((side, side), bool)
        if self.bits.bit(self.contexts["levels", side, c, around]):
            order = scan(side)
            last = min(self.numbers["last", side, c].read(), side * side - 1)
            for i in range(last, -1, -1):
                y, x = order[i]
                near = sizes[y, x + 1] + sizes[y, x + 2] + sizes[y + 1, x]
                near = int(near + sizes[y + 2, x] + sizes[y + 1, x + 1])
                frequency = min(x + y, 5)
                contexts = [
                    self.contexts["neighbours", side, c, frequency, min(near, 7)],
                    self.contexts["place", side, c, y, x, min(near, 2)],
                ]
                weights = self.weights[side, c, frequency]
                if i == last or self.bits.mixed(contexts, weights):
                    beyond = self.numbers["size", side, c, min(near // 2, 7)].read()
                    sizes[y, x] = min(beyond, 1 << 20) + 1
                    negative[y, x] = self.bits.raw(1)
        levels: Integers = np.where(negative, -1, 1) * sizes[:side, :side]
        return levels

    def errors(self, levels: list[Integers]) -> Integers:
        """What levels add to the samples (side, side, 3), in 1/16."""
        a, b, c = (
            inverse_transform(np.clip(block * step, -(1 << 17), 1 << 17))
            for block, step in zip(levels, self.steps, strict=True)
        )
        if self.independent:
            return np.stack([a, b, c], axis=2)
        return np.stack([a - c + b, a + c, a - c - b], axis=2)
