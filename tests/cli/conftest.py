"""What tests of several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from lic.codec.picture import read_picture

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A part of the budgie as a PNG file."""
    path = tmp_path / "in.png"
    Image.fromarray(read_picture(DATA / "budgie.png")[200:300, 100:270]).save(path)
    return path
