from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lic import codec
from lic.codec.errors import TargetError
from lic.codec.pixels import psnr_of
from lic.codec.targets import Target, encode_to_target

PIXELS = np.zeros((100, 100, 3), np.uint8)


class Codec:
    """A codec whose sizes rise from ``least`` to ``most`` bytes by a curve of the quality."""

    def __init__(self, least: float, most: float, bend: float, noise: float = 0) -> None:
        self.least, self.most, self.bend, self.noise = least, most, bend, noise
        self.calls: list[tuple[float, int]] = []

    def encode(self, quality: float, effort: int) -> bytes:
        self.calls.append((quality, effort))
        place = (quality / 100) ** self.bend
        size = self.least * (self.most / self.least) ** place * (1 - 0.05 * (effort > 0))
        return bytes(round(size * (1 + self.noise * math.sin(1e4 * quality))))

    def to(self, target: Target, effort: int = 0) -> bytes:
        return encode_to_target(self.encode, lambda _: PIXELS, PIXELS, target, effort)


@given(
    st.floats(500, 2000),
    st.floats(5e4, 2e5),
    st.floats(0.5, 2),
    st.floats(0.0, 0.004),
    st.floats(0.1, 0.9),
)
def test_a_size_is_met_from_below_within_two_percent_in_few_encodes(
    least: float, most: float, bend: float, noise: float, place: float
) -> None:
    wanted = int(least * (most / least) ** place)
    tried = Codec(least, most, bend, noise)
    size = len(tried.to(Target(size=wanted)))
    assert 0.98 * wanted - 1 <= size <= wanted
    assert len(tried.calls) <= 9


def test_a_rate_is_a_size(budgie: NDArray[np.uint8]) -> None:
    tried = Codec(1000, 40000, 1)
    assert len(tried.to(Target(bpp=5))) == len(Codec(1000, 40000, 1).to(Target(size=6250)))


def test_effort_is_spent_near_the_end_only() -> None:
    tried = Codec(500, 50000, 1.3)
    assert 0.98 * 9000 <= len(tried.to(Target(size=9000), effort=7)) <= 9000
    assert sum(effort == 7 for _, effort in tried.calls) <= 2


def test_sizes_that_leap_are_met_from_below() -> None:
    def encode(quality: float, effort: int) -> bytes:
        return bytes(1000 if quality < 61.8 else 2000)

    found = encode_to_target(encode, lambda _: PIXELS, PIXELS, Target(size=1500), 0)
    assert len(found) == 1000


def test_what_no_file_can_have_is_a_named_error_or_the_end_of_the_scale() -> None:
    with pytest.raises(TargetError, match="the picture takes 1000 bytes"):
        Codec(1000, 9000, 1).to(Target(size=999))
    assert len(Codec(1000, 9000, 1).to(Target(size=10**6))) == 9000
    gray = PIXELS + np.uint8(1)
    with pytest.raises(TargetError, match=r"48\.13 dB at most"):
        encode_to_target(lambda q, e: b"", lambda _: gray, PIXELS, Target(psnr=50), 0)


@pytest.mark.parametrize(
    "values", [{}, {"size": 1, "bpp": 1.0}, {"bpp": 0.0}, {"psnr": -1.0}, {"bpp": math.inf}]
)
def test_targets_must_be_one_positive_number(values: dict[str, float]) -> None:
    with pytest.raises(TargetError):
        Target(**values)  # type: ignore[arg-type]


def test_a_picture_keeps_to_its_targets(budgie: NDArray[np.uint8]) -> None:
    pixels = budgie[200:328, 100:292]
    data = codec.encode(pixels, target=Target(size=2500))
    assert 2450 <= len(data) <= 2500
    data = codec.encode(pixels, target=Target(psnr=30.0))
    error = np.square(codec.decode(data).astype(int) - pixels).mean()
    assert psnr_of(float(error)) == pytest.approx(30, abs=0.05)
