"""The bits of the residual layer in plain Python: FORMAT.md, section Bits."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable


def clip(value: int, low: int, high: int) -> int:
    """A value limited to low..high."""
    return min(max(value, low), high)


def toward_zero(a: int, b: int) -> int:
    """A quotient rounded towards zero, for b > 0."""
    return -(-a // b) if a < 0 else a // b


def exact_squash(x: int) -> float:
    """The entry of SQUASH for x before it is rounded and limited."""
    return 65536 / (1 + math.exp(-x / 256))


def exact_stretch(i: int) -> float:
    """Entry i of STRETCH before it is rounded and limited."""
    return 256 * math.log((i + 0.5) / (4095.5 - i))


SQUASH = {x: clip(math.floor(exact_squash(x) + 0.5), 32, 65504) for x in range(-2047, 2048)}
STRETCH = [clip(math.floor(exact_stretch(i) + 0.5), -2047, 2047) for i in range(4096)]


class Probability:
    """Of a 1, in 1/65536; it adapts."""

    def __init__(self) -> None:
        self.one, self.seen = 1 << 15, 0

    def learn(self, bit: int, limit: int) -> None:
        """Move towards a bit."""
        self.one += ((65535 * bit - self.one) * (131072 // (2 * self.seen + 3))) >> 16
        self.seen = min(self.seen + 1, limit)


def probabilities() -> dict[Hashable, Probability]:
    """A probability for each context, new where it is first used."""
    return defaultdict(Probability)


class Weights(list[int]):
    """Of a mixture of n contexts, in 1/65536; they adapt."""

    def __init__(self, n: int) -> None:
        super().__init__([131072 // (n + 1)] * n)


class Bits:
    """The arithmetic decoder."""

    def __init__(self, data: bytes) -> None:
        self.rest = iter(data)
        self.unread = len(data)
        self.low, self.high, self.value = 0, 0xFFFFFFFF, 0
        for _ in range(4):
            self._shift()

    def _shift(self) -> None:
        self.value = (self.value << 8 & 0xFFFFFFFF) | next(self.rest, 0)
        self.unread -= 1

    def at_end(self) -> bool:
        """Whether all bytes have been read."""
        return self.unread <= 0

    def _split(self, one: int) -> int:
        middle = self.low + ((self.high - self.low) * one >> 16)
        bit = int(self.value <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            self.low = self.low << 8 & 0xFFFFFFFF
            self.high = (self.high << 8 & 0xFFFFFFFF) | 255
            self._shift()
        return bit

    def raw(self, count: int) -> int:
        """A number of so many bits of equal probability, the most significant first."""
        number = 0
        for _ in range(count):
            number = 2 * number + self._split(1 << 15)
        return number

    def bit(self, context: Probability, limit: int = 255) -> int:
        """A bit in one context."""
        bit = self._split(clip(context.one, 32, 65504))
        context.learn(bit, limit)
        return bit

    def mixed(self, contexts: list[Probability], weights: Weights) -> int:
        """A bit whose probability is mixed from several contexts'."""
        logits = [STRETCH[context.one >> 4] for context in contexts]
        total = sum(logit * weight for logit, weight in zip(logits, weights, strict=True))
        one = SQUASH[clip(total >> 16, -2047, 2047)]
        bit = self._split(one)
        error = 65536 * bit - one
        for i, logit in enumerate(logits):
            step = (3 * logit * error + (1 << 16)) >> 17
            weights[i] = clip(weights[i] + step, -(1 << 20), 1 << 20)
            contexts[i].learn(bit, 255)
        return bit


class Numbers:
    """Reads numbers from 0 in one context."""

    def __init__(self, bits: Bits, limit: int = 255) -> None:
        self.bits, self.limit = bits, limit
        self.contexts = probabilities()

    def read(self) -> int:
        """The next number."""
        length = 0
        while length < 23 and self.bits.bit(self.contexts["length", length], self.limit):
            length += 1
        value = 1
        for i in range(length):
            if i < 2:
                place = 0 if i == 0 else 2 + value % 2
                digit = self.bits.bit(self.contexts["digit", length, place], self.limit)
            else:
                digit = self.bits.raw(1)
            value = 2 * value + digit
        return value - 1
