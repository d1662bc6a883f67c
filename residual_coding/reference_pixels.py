"""FORMAT.md's section "Pixels": pixels one after the other, from their neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from lic.residual_coding.reference_bits import Bits, Weights, clip, probabilities, toward_zero

Integers = NDArray[np.int64]
Pixels = NDArray[np.uint8]
Offsets = Sequence[tuple[int, int]]

BORDER = 16


def channel(colour: int, c: int) -> int:
    """Sample c of a colour R + 256 G + 65536 B."""
    return colour >> 8 * c & 255


def mix(value: int, colour: int) -> int:
    """A hash of 32 bits with one more colour in it."""
    value = ((value ^ colour) * 0x9E3779B1) & 0xFFFFFFFF
    return value ^ value >> 15


class Plane:
    """Colours in a list, row by row, with a border of 16 above, to the left and to the right."""

    def __init__(self, pixels: Pixels) -> None:
        self.height, self.width = pixels.shape[:2]
        self.stride = self.width + 2 * BORDER
        colours = np.zeros((self.height + BORDER, self.stride), np.int64)
        self.inside = np.s_[BORDER:, BORDER : BORDER + self.width]
        colours[self.inside] = pixels.astype(np.int64) @ (1, 1 << 8, 1 << 16)
        self.colours: list[int] = colours.ravel().tolist()

    def place(self, x: int, y: int) -> int:
        """Where a pixel is in the list."""
        return (y + BORDER) * self.stride + x + BORDER

    def extend(self, y: int) -> None:
        """Give row y its border: the ends of the row above."""
        first, last = self.place(0, y), self.place(self.width - 1, y)
        left, right = (self.colours[at - self.stride] if y else 0 for at in (first, last))
        self.colours[first - BORDER : first] = [left] * BORDER
        self.colours[last + 1 : last + 1 + BORDER] = [right] * BORDER

    def pixels(self) -> Integers:
        """The samples (height, width, 3)."""
        colours = np.array(self.colours).reshape(-1, self.stride)[self.inside]
        return np.stack([colours >> shift & 255 for shift in (0, 8, 16)], axis=2)


class Memory:
    """The colour that followed some neighbours, and how often in a row."""

    def __init__(self) -> None:
        self.colour = self.trust = 0

    def learn(self, colour: int) -> None:
        """Take note of what followed this time."""
        if self.trust > 0 and colour == self.colour:
            self.trust = min(self.trust + 1, 15)
        elif self.trust > 1:
            self.trust //= 2
        else:
            self.colour, self.trust = colour, 1


NEXT: Offsets = ((-1, 0), (0, -1), (-1, -1), (1, -1))
NEAR: Offsets = ((-2, 0), (0, -2))
FAR: Offsets = ((-3, 0), (-2, -1), (2, -1), (-1, -2), (1, -2), (-4, 0))
FARTHEST: Offsets = ((-5, 0), (-6, 0), (3, -1), (-2, -2), (2, -2), (-3, -1))


class PixelModel:
    """Reads pixels one after the other, in places of a plane."""

    def __init__(
        self, bits: Bits, plane: Plane, base: Plane, bound: int, palette: list[int]
    ) -> None:
        self.bits, self.colours, self.stride = bits, plane.colours, plane.stride
        self.base, self.step, self.palette = base.colours, 2 * bound + 1, palette
        self.contexts = probabilities()
        self.ask_weights = [Weights(10), Weights(10)]
        self.tree_weights = [Weights(5) for _ in range(11)]
        self.size_weights = {(c, i): Weights(3) for c in range(3) for i in range(8)}
        self.far: dict[int, Memory] = defaultdict(Memory)
        self.near: dict[int, Memory] = defaultdict(Memory)
        self.pair: dict[int, tuple[Memory, Memory]] = defaultdict(lambda: (Memory(), Memory()))
        origin = plane.place(0, 0)
        self.origin = origin
        self.last: dict[int, int] = defaultdict(lambda: origin)
        self.match: int | None = None
        self.match_length = 0
        # By place; what is not there was not coded, or lies in the border.
        self.offsets: dict[int, int] = defaultdict(int)
        self.hits: dict[int, int] = defaultdict(int)
        self.errors: dict[tuple[int, int], list[int]] = defaultdict(lambda: [4] * 6)
        self.sizes: dict[tuple[int, int], int] = defaultdict(int)
        self.surprises: dict[tuple[int, int], int] = defaultdict(int)
        self.products = {0: 0, 2: 0}
        self.squares = {0: 0, 2: 0}

    def around(self, at: int, offsets: Offsets) -> list[int]:
        """The colours of neighbours."""
        return [self.colours[at + dx + dy * self.stride] for dx, dy in offsets]

    def read(self, at: int) -> None:
        """Read the pixel in a place."""
        w, n, nw, ne = self.around(at, NEXT)
        pair_key = mix(mix(7, w), n) >> 18
        near_hash = reduce(mix, self.around(at, (*NEXT, *NEAR)), 0)
        far_hash = reduce(mix, self.around(at, FAR), near_hash)
        last_key = reduce(mix, self.around(at, FARTHEST), far_hash) >> 15
        far, near = self.far[far_hash >> 15], self.near[near_hash >> 16]
        first, second = self.pair[pair_key]
        self.find_match(at, self.last[last_key])

        matched = w if self.match is None else self.colours[self.match]
        guesses = [
            (far.colour, far.trust),
            (near.colour, near.trust),
            (first.colour, first.trust),
            (second.colour, second.trust),
            (w, 1 + (w == n) + (w == nw)),
            (n, 1 + (n == ne) + (n == nw)),
            (ne, 1),
            (nw, 1),
            (matched, 0 if self.match is None else min(1 + self.match_length // 4, 15)),
        ]
        colour = self.ask(at, guesses)
        self.hits[at] = colour is not None
        if colour is None:
            if self.palette:
                colour = self.read_palette_index(w, n, nw, ne)
            else:
                colour = self.read_samples(at)
        self.colours[at] = colour

        self.follow_match(at, colour)
        self.last[last_key] = at
        far.learn(colour)
        near.learn(colour)
        if first.trust > 0 and first.colour != colour:
            first, second = (second if second.colour == colour else Memory()), first
            self.pair[pair_key] = first, second
        first.learn(colour)

    def find_match(self, at: int, last: int) -> None:
        """Look for a place with the same pixels around it, if there is no match."""
        if self.match is not None:
            return
        self.match_length = 0
        above = at - self.stride
        for offset in (self.offsets[above], self.offsets[above + 1], at - last):
            if not 0 < offset <= at - self.origin:
                continue
            same = 0
            while same < 12 and all(
                self.colours[i - offset] == self.colours[i]
                for i in (at - 1 - same, above - 1 - same)
            ):
                same += 1
            if same >= 3 and same > self.match_length:
                self.match, self.match_length = at - offset, same

    def follow_match(self, at: int, colour: int) -> None:
        """Move the match on by a pixel, or end it."""
        if self.match is None:
            return
        if self.colours[self.match] != colour:
            self.match = None
            return
        self.offsets[at] = at - self.match
        self.match_length = min(self.match_length + 1, 60)
        self.match += 1

    def ask(self, at: int, guesses: list[tuple[int, int]]) -> int | None:
        """The candidate that is right, or None."""
        above = at - self.stride
        hits = (self.hits[i] for i in (at - 1, above, above + 1, above - 1))
        history = sum(hit << i for i, hit in enumerate(hits))
        candidates = self.rank(guesses)

        def is_right(index: int) -> int:
            rank = min(index, 1)
            contexts = [
                self.contexts["guess", colour == candidates[index], rank, k, trust]
                for k, (colour, trust) in enumerate(guesses)
            ]
            contexts.append(self.contexts["history", rank, history])
            return self.bits.mixed(contexts, self.ask_weights[rank])

        if is_right(0):
            return candidates[0]
        if len(candidates) == 1 or not self.bits.bit(self.contexts["others", history]):
            return None
        for index in range(1, len(candidates) - 1):
            if is_right(index):
                return candidates[index]
        return candidates[-1]

    def rank(self, guesses: list[tuple[int, int]]) -> list[int]:
        """The candidates, the likeliest first."""
        odds: dict[int, int] = defaultdict(int)
        for k, (colour, trust) in enumerate(guesses):
            if trust:
                one = self.contexts["guess", True, 0, k, trust].one
                odds[colour] += 16 * one // (65536 - one)
        ranked = list(odds)
        for i in range(min(len(ranked), 6)):
            best = max(range(i, len(ranked)), key=lambda j: odds[ranked[j]])
            ranked[i], ranked[best] = ranked[best], ranked[i]
        return ranked[:6]

    def read_palette_index(self, *neighbours: int) -> int:
        """A colour of the palette."""
        a, b, c, d = (
            self.palette.index(colour) if colour in self.palette else 0 for colour in neighbours
        )
        keys = (0, 1 + a, 257 + b, reduce(mix, (a, b), 1), reduce(mix, (a, b, c, d), 2))
        node = 1
        for i in reversed(range((len(self.palette) - 1).bit_length())):
            contexts = [
                self.contexts["tree", t, mix(mix(t, key), node) >> 15] for t, key in enumerate(keys)
            ]
            node = 2 * node + self.bits.mixed(contexts, self.tree_weights[i])
        index = node - (1 << node.bit_length() - 1)
        return self.palette[min(index, len(self.palette) - 1)]

    def read_samples(self, at: int) -> int:
        """A colour sample by sample: green, red, blue."""
        colour = before = sign = 0
        for c in (1, 0, 2):
            sample, difference = self.read_sample(at, c, before, sign)
            colour |= sample << 8 * c
            before = abs(difference)
            sign = 1 if difference > 0 else 2 if difference < 0 else 0
        return colour

    def read_sample(self, at: int, c: int, before: int, sign: int) -> tuple[int, int]:
        """A sample, and its difference from what was predicted, in steps."""
        above = at - self.stride
        neighbours = ((-1, 0), (0, -1), (-1, -1), (1, -1), (0, -2), (-2, 0))
        w, n, nw, ne, nn, ww = (channel(colour, c) for colour in self.around(at, neighbours))
        b, bw, bn = (channel(self.base[i], c) for i in (at, at - 1, above))
        predictions = [
            8 * (w + n - nw),
            8 * n + 3 * (ne - nw) + (w - nw),
            6 * w + 4 * ne - n - nn + (ww - w),
            8 * (w + ne - n),
            8 * b + 4 * (w - bw) + 4 * (n - bn),
            2 * (w + n) + nw + ne + ww + nn,
        ]
        places = (at - 1, above, above - 1, above + 1, at - 2)
        weights = []
        for k in range(6):
            e = [self.errors[c, i][k] for i in places]
            weights.append(2**24 // (2 * e[0] + 2 * e[1] + e[2] + e[3] + e[4] + 1) ** 2 + 1)
        weighted = sum(v * p for v, p in zip(weights, predictions, strict=True))
        alone = weighted // sum(weights)
        more = 0 if c == 1 else self.likeness(places, c) * self.surprises[1, at] >> 8
        predicted = clip((alone + more + 4) >> 3, 0, 255)

        s = [self.sizes[c, i] for i in places]
        energy = size_class((2 * s[0] + 2 * s[1] + s[2] + s[3] + s[4] + 2 * before) // 2)
        gradient = size_class((abs(w - nw) + abs(n - nw) + abs(n - ne)) // self.step)
        pattern = 16 * min(before, 3) + 4 * min(s[0], 3) + min(s[1], 3)
        ends = [value for value in (w, n, nw, ne) if value in (0, 255)]
        if ends and self.bits.bit(self.contexts["clipped", c, ends.count(ends[0]), min(before, 2)]):
            sample = ends[0]
            difference = toward_zero(sample - predicted, self.step)
        else:
            difference = self.read_difference(c, energy, gradient, pattern, sign)
            sample = clip(predicted + difference * self.step, 0, 255)

        self.sizes[c, at] = min(abs(difference), 255)
        self.errors[c, at] = [min(abs(p - 8 * sample) >> 1, 4000) for p in predictions]
        surprise = clip(8 * sample - alone, -2040, 2040)
        self.surprises[c, at] = surprise
        if c != 1:
            green = self.surprises[1, at]
            self.products[c] += surprise * green - toward_zero(self.products[c], 64)
            self.squares[c] += green * green - self.squares[c] // 64
        return sample, difference

    def likeness(self, places: Sequence[int], c: int) -> int:
        """How much of green's surprise a channel shared, in 1/256."""
        both, green = toward_zero(self.products[c], 16), self.squares[c] // 16 + 64
        for i in places:
            both += self.surprises[1, i] * self.surprises[c, i]
            green += self.surprises[1, i] ** 2
        return clip(256 * both // green, 0, 320)

    def read_difference(self, c: int, energy: int, gradient: int, pattern: int, sign: int) -> int:
        """A difference in steps."""
        length = 0
        while length < 8:
            contexts = [
                self.contexts["energy", c, energy, length],
                self.contexts["gradient", c, gradient, min(energy // 3, 3), length],
                self.contexts["pattern", c, pattern, length],
            ]
            if not self.bits.mixed(contexts, self.size_weights[c, length]):
                break
            length += 1
        if length == 0:
            return 0
        size = 1
        for i in range(length - 1):
            if i < 2:
                context = self.contexts["digit", c, energy, length, (0, 2 + size % 2)[i]]
                size = 2 * size + self.bits.bit(context)
            else:
                size = 2 * size + self.bits.raw(1)
        return -size if self.bits.bit(self.contexts["sign", c, sign]) else size


def size_class(value: int) -> int:
    """The class, 0 to 12, of a magnitude."""
    return sum(value >= start for start in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96))
