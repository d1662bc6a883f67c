from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lic import codec
from lic.codec.errors import WeightsError
from lic.codec.manifest import WeightsEntry, installed, use_folder, write_manifest
from lic.codec.weights import codec_bytes, load_weights, read_codec, resolve
from lic.integer_networks import Graph, GraphError
from lic.integer_networks.codec_network import MAXIMUM_DENSITY
from lic.integer_networks.layers import Concatenation

DATA = Path(__file__).parents[1] / "data"
TINY = DATA / "tiny.safetensors"
OTHER = Path(__file__).parents[2] / "weights" / f"{codec.DEFAULT_WEIGHTS}.safetensors"
MakeFolder = Callable[[Path, str, Path], WeightsEntry]


def test_a_golden_file_decodes_to_the_same_pixels_and_is_encoded_to_the_same_bytes(
    budgie: NDArray[np.uint8],
) -> None:
    golden = json.loads((DATA / "golden.json").read_text())
    coding = {name for name, found in installed().items() if found.entry.kind == "integer"}
    assert {facts["weights"] for facts in golden.values()} == coding
    for name, facts in golden.items():
        data = (DATA / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == facts["sha256"]
        assert hashlib.sha256(codec.decode(data)).hexdigest() == facts["pixels_sha256"]
        if "asked" in facts:
            assert codec.encode(budgie, weights=facts["weights"], **facts["asked"]) == data


def test_damaged_integer_weights_are_a_named_error_wherever_the_damage_shows(
    tmp_path: Path,
) -> None:
    data = (DATA / "tiny.safetensors").read_bytes()
    header = int.from_bytes(data[:8], "little")
    random, refused = np.random.default_rng(0), 0
    for _ in range(60):
        damaged = bytearray(data)
        place = random.integers(header) if random.random() < 0.5 else random.integers(len(data))
        damaged[place] ^= 1 << random.integers(8)
        path = tmp_path / "damaged.safetensors"
        path.write_bytes(damaged)
        try:
            load_weights(path, "damaged")
        except WeightsError:
            refused += 1
    assert refused > 30


def test_integer_weights_that_give_other_answers_here_are_refused(tmp_path: Path) -> None:
    data = (DATA / "tiny.safetensors").read_bytes()
    description, network = read_codec(data)
    analysis = description["known_answers"]["analysis"]
    assert json.loads(json.dumps(description))["source"] == "tiny-float"
    # This file was made before weights were packed.
    again = codec_bytes(network, "tiny-float")
    assert len(again) < len(data)
    described, same = read_codec(again)
    assert described["known_answers"] == description["known_answers"]
    assert codec_bytes(same, "tiny-float") == again
    forged = data.replace(str(analysis).encode(), str(analysis)[::-1].encode())
    path = tmp_path / "forged.safetensors"
    path.write_bytes(forged)
    with pytest.raises(WeightsError, match="other integers in analysis"):
        load_weights(path, "forged")


def test_weights_of_ones_own_code_by_their_id(
    tmp_path: Path,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
    budgie: NDArray[np.uint8],
) -> None:
    make_weights_folder(tmp_path, "mine-1", TINY)
    monkeypatch.setenv("LIC_WEIGHTS", str(tmp_path))
    assert {"mine-1", codec.DEFAULT_WEIGHTS} <= installed().keys()
    pixels = budgie[:64, :64]
    assert codec.decode(codec.encode(pixels, 50, "mine-1")).shape == pixels.shape


def test_one_id_in_two_folders_is_each_folders_network(
    tmp_path: Path,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIC_WEIGHTS", "")
    for name, path in (("one", TINY), ("two", OTHER), ("one", TINY)):
        entry = make_weights_folder(tmp_path / name, "mine-1", path)
        use_folder(tmp_path / name)
        assert resolve("mine-1").digest == entry.digest


def test_weights_stay_loaded_until_their_file_is_another(
    tmp_path: Path,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIC_WEIGHTS", str(tmp_path))
    make_weights_folder(tmp_path, "mine-1", TINY)
    first = resolve("mine-1")
    assert resolve("mine-1") is first
    assert resolve(first) is first
    entry = make_weights_folder(tmp_path, "mine-1", OTHER)
    assert resolve("mine-1").digest == entry.digest


def test_a_file_that_is_not_the_manifests_is_a_named_error(
    tmp_path: Path,
    make_weights_folder: MakeFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = make_weights_folder(tmp_path, "mine-1", TINY)
    write_manifest(tmp_path, {"mine-1": replace(entry, sha256="0" * 64)})
    monkeypatch.setenv("LIC_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="not the one in the manifest"):
        resolve("mine-1")


def test_a_damaged_weights_file_is_a_named_error(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(TINY.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(damaged, "damaged")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(tmp_path / "none.safetensors", "none")


def test_a_network_that_holds_too_much_for_each_pixel_is_refused() -> None:
    _, network = read_codec(TINY.read_bytes())
    synthesis = network.synthesis
    last = len(synthesis.layers) - 1
    assert MAXIMUM_DENSITY < 3 * 350
    for more, refused in ((1, False), (350, True)):
        # Copies of the pixels, of 3 numbers each.
        layers = (*synthesis.layers, *(Concatenation((last,)) for _ in range(more)))
        graph = Graph(layers, (len(layers) - 1,))
        with pytest.raises(GraphError, match="each pixel") if refused else nullcontext():
            replace(network, synthesis=graph)


def test_a_network_whose_input_is_of_another_resolution_is_refused() -> None:
    _, network = read_codec(TINY.read_bytes())
    first, *others = network.hyper_analysis.layers
    half = Graph((replace(first, divisor=2), *others), network.hyper_analysis.outputs)
    with pytest.raises(GraphError, match="input"):
        replace(network, hyper_analysis=half)


def test_a_header_that_nests_too_deeply_is_a_named_error(tmp_path: Path) -> None:
    header = 10**5 * b"["
    path = tmp_path / "deep.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_weights(path, "deep")
