"""The option --effort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from lic.cli.main import main
from lic.codec.layering import bit_worth
from lic.codec.picture import read_picture


def lic(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.mark.parametrize("effort", [1, 2, pytest.param(5, marks=pytest.mark.torch)])
def test_effort_makes_a_better_file_that_decodes_as_any(
    picture: Path, tmp_path: Path, effort: int
) -> None:
    pixels, costs = read_picture(picture), []
    for tried in (0, effort):
        file = tmp_path / f"{tried}.lic"
        assert lic("encode", picture, file, "--effort", tried).exit_code == 0
        assert lic("decode", file, file.with_suffix(".png")).exit_code == 0
        error = np.square(read_picture(file.with_suffix(".png")).astype(int) - pixels).sum()
        costs.append(8 * file.stat().st_size + error / bit_worth(5000))
    assert costs[1] < costs[0]


def test_the_default_effort_is_1(picture: Path, tmp_path: Path) -> None:
    default, told = tmp_path / "default.lic", tmp_path / "told.lic"
    assert lic("encode", picture, default).exit_code == 0
    assert lic("encode", picture, told, "--effort", 1).exit_code == 0
    assert default.read_bytes() == told.read_bytes()
