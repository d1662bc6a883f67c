from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lic.training.data import CropDataset, recoloured, split, summary, validation_crops
from lic.training.errors import TrainingError

CPU = torch.device("cpu")


def write(folder: Path, name: str, height: int, width: int | None = None, value: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    shape = (height, width or height, 3)
    Image.fromarray(np.full(shape, value, np.uint8)).save(folder / name)
    return folder / name


def dataset(folder: Path, min_side: int = 64, max_pixels: float = 1e9) -> CropDataset:
    return CropDataset(sorted(folder.iterdir()), min_side, max_pixels, CPU)


def test_broken_small_and_cmyk_pictures_are_skipped_with_a_reason(tmp_path: Path) -> None:
    write(tmp_path, "good.png", 64)
    write(tmp_path, "small.png", 63)
    (tmp_path / "broken.png").write_text("x")
    whole = write(tmp_path, "cut.png", 200).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("CMYK", (64, 64)).save(tmp_path / "cmyk.jpg")
    Image.new("RGBA", (64, 64)).save(tmp_path / "clear.png")
    made = dataset(tmp_path)
    assert len(made) == 1
    reasons = {path.name: reason for path, reason in made.skipped.items()}
    assert set(reasons) == {
        "small.png",
        "broken.png",
        "cut.png",
        "cmyk.jpg",
        "clear.png",
    }
    assert "CMYK" in reasons["cmyk.jpg"]
    assert "fewer than 64 pixels" in reasons["small.png"]
    assert all(path in reason for path, reason in reasons.items())


def test_only_the_first_ten_reasons_are_told_one_by_one() -> None:
    skipped = {Path(str(i)): f"reason {i}" for i in range(12)}
    lines = summary(skipped).splitlines()
    assert lines[:2] == ["skipped: reason 0", "skipped: reason 1"]
    assert lines[-1] == "skipped: 2 more"
    assert len(lines) == 11


def test_a_folder_without_usable_pictures_is_a_named_error(tmp_path: Path) -> None:
    write(tmp_path, "small.png", 63)
    with pytest.raises(TrainingError, match=r"none of 1 pictures.*small\.png"):
        dataset(tmp_path)


def test_large_pictures_share_the_pixel_budget_and_small_ones_stay_whole(tmp_path: Path) -> None:
    write(tmp_path, "a.png", 300, 600, value=1)
    write(tmp_path, "b.png", 400, 400, value=2)
    write(tmp_path, "c.png", 64, value=3)
    made = dataset(tmp_path, max_pixels=64**2 + 2 * 20000)
    shapes = [tuple(place[1:].tolist()) for place in made.places]
    assert shapes == [(100, 200), (141, 141), (64, 64)]
    assert len(made.pixels) <= 64**2 + 2 * 20000
    values = torch.cat([torch.full((h * w,), v) for v, (h, w) in enumerate(shapes, start=1)])
    assert torch.equal(made.pixels, values.to(torch.uint8)[:, None].expand(-1, 3))


def test_memory_stays_within_the_budget_for_any_number_and_shape_of_pictures(
    tmp_path: Path,
) -> None:
    for i in range(5):
        write(tmp_path, f"{i}.png", 64 + i, 1000)
    made = dataset(tmp_path, max_pixels=2 * 64 * 64)
    assert len(made) == 2
    assert len(made.pixels) <= 2 * 64 * 64
    assert sum("beyond the memory" in reason for reason in made.skipped.values()) == 3


def test_a_turned_photograph_is_kept_upright(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((64, 100, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert dataset(tmp_path).places[0, 1:].tolist() == [100, 64]


def coordinates(tmp_path: Path, height: int, width: int) -> CropDataset:
    """A picture whose red and green tell each pixel's row and column."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack((rows, columns, 0 * rows), axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return dataset(tmp_path)


def test_crops_are_squares_of_neighbours_in_all_eight_orientations(tmp_path: Path) -> None:
    made = coordinates(tmp_path, 70, 90)
    torch.manual_seed(0)
    crops = (made.batch(64, 16) * 255).round()
    assert crops.shape == (64, 3, 16, 16)
    seen = set()
    for crop in crops:
        row, column = crop[0], crop[1]
        down = (row[1, 0] - row[0, 0], column[1, 0] - column[0, 0])
        right = (row[0, 1] - row[0, 0], column[0, 1] - column[0, 0])
        seen.add(tuple(int(v) for v in (*down, *right)))
        steps_down, steps_right = torch.arange(16)[:, None], torch.arange(16)[None]
        assert torch.equal(row, row[0, 0] + down[0] * steps_down + right[0] * steps_right)
        assert torch.equal(column, column[0, 0] + down[1] * steps_down + right[1] * steps_right)
    assert len(seen) == 8


def test_crops_reach_every_border(tmp_path: Path) -> None:
    made = coordinates(tmp_path, 66, 65)
    torch.manual_seed(0)
    crops = (made.batch(200, 64) * 255).round()
    assert crops[:, 0].amin((1, 2)).unique().tolist() == [0, 1, 2]
    assert crops[:, 1].amin((1, 2)).unique().tolist() == [0, 1]


def test_shrunk_crops_show_a_larger_part_as_far_as_the_smallest_picture_allows(
    tmp_path: Path,
) -> None:
    made = coordinates(tmp_path, 70, 90)
    for shrink, spread in ((1.0, 15), (1.5, 23), (9.0, 63)):
        crop = made.batch(1, 16, shrink)[0, 0] * 255
        assert crop.shape == (16, 16)
        assert float(crop.max() - crop.min()) == pytest.approx(spread, abs=1.5 * shrink)


def test_torchs_seed_decides_the_crops(tmp_path: Path) -> None:
    made = coordinates(tmp_path, 70, 90)
    batches = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        batches.append(made.batch(4, 16))
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])


def test_one_in_twenty_is_held_out_by_name_wherever_the_folder_lies(tmp_path: Path) -> None:
    for place in ("here", "there"):
        for i in range(40):
            write(tmp_path / place, f"{i}.png", 1)
    splits = [split([tmp_path / place], None) for place in ("here", "there")]
    names = [[[path.name for path in part] for part in both] for both in splits]
    assert names[0] == names[1]
    assert [len(part) for part in names[0]] == [38, 2]
    assert not set(names[0][0]) & set(names[0][1])


def test_a_lonely_picture_is_trained_on_and_of_two_one_is_held_out(tmp_path: Path) -> None:
    write(tmp_path, "a.png", 1)
    assert [len(part) for part in split([tmp_path], None)] == [1, 0]
    write(tmp_path, "b.png", 1)
    assert [len(part) for part in split([tmp_path], None)] == [1, 1]


def test_pictures_to_validate_on_are_never_trained_on(tmp_path: Path) -> None:
    write(tmp_path, "a.png", 1)
    held = write(tmp_path / "val", "b.png", 1)
    train, val = split([tmp_path, tmp_path], tmp_path / "val")
    assert [path.name for path in train] == ["a.png"]
    assert val == [held.resolve()]


def test_validation_crops_are_the_middles_of_whole_cells(tmp_path: Path) -> None:
    write(tmp_path, "a.png", 70, 300)
    write(tmp_path, "b.png", 30)
    (tmp_path / "c.png").write_text("x")
    crops = validation_crops(sorted(tmp_path.iterdir()), 128)
    assert [tuple(crop.shape) for crop in crops] == [(1, 3, 64, 128)]
    assert crops[0].dtype == torch.uint8


def test_drawn_pictures_are_cropped_beside_those_that_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "black.png", 64)
    asked = []

    def draw(pixels: int) -> list[np.ndarray]:
        asked.append(pixels)
        return [np.full((64, 64, 3), 255, np.uint8)]

    made = CropDataset([path], 64, 1e9, CPU, draw=draw)
    assert (asked, len(made), made.photographs) == ([64 * 64], 2, 1)
    torch.manual_seed(0)
    assert set(made.batch(16, 64).mean((1, 2, 3)).tolist()) == {0.0, 1.0}


def test_a_share_of_the_crops_has_other_colours() -> None:
    torch.manual_seed(0)
    crops = torch.rand(400, 3, 2, 2)
    changed = (recoloured(crops, 0.25) != crops).flatten(1).any(1)
    assert 60 < int(changed.sum()) < 140
    assert torch.equal(recoloured(crops, 0.0), crops)
    all_changed = recoloured(crops, 1.0)
    assert ((all_changed >= 0) & (all_changed <= 1)).all()


def test_gray_stays_gray_but_for_its_contrast() -> None:
    torch.manual_seed(0)
    gray = torch.full((8, 3, 2, 2), 0.5)
    torch.testing.assert_close(recoloured(gray, 1.0), gray)
