"""Measure the entropy coder against others: nanoseconds a symbol and bits above the ideal.

``python benchmarks/coder.py --json FILE``. Times are process CPU time on one thread, medians of
several rounds in which all coders take turns, so that what else the machine does hits them alike.
Ours is the native call on ready arrays, all of it: put, finish, open, get, finish, check value.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from lic.entropy_coding import Decoder, Encoder, MixtureParameters
from lic.entropy_coding.coder import chosen_instruction_set, instruction_sets

# Name: largest scale, standard deviation of the means.
WORKLOADS = {"wide": (30.0, 5.0), "peaky": (2.0, 0.5)}
SYMBOLS = 480_000
PICTURE = Path(__file__).parents[1] / "tests" / "data" / "budgie.png"

Step = Callable[[], Any]


@dataclass
class Mixture:
    """Symbols drawn from mixtures (K, n) of real-valued Gaussians."""

    symbols: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    scales: np.ndarray

    def parameters(self) -> MixtureParameters:
        """Return the parameters on the coder's grid."""
        return MixtureParameters.from_real(self.weights, self.means, self.scales)

    def ideal_bits(self) -> float:
        """Return the code length with the real-valued mixtures."""
        root = math.sqrt(2)
        normal = np.vectorize(lambda x: math.erfc(-x / root) / 2)
        # On the negative side, where differences of small numbers are accurate.
        distance = -np.abs(self.symbols - self.means)
        upper, lower = (normal((distance + half) / self.scales) for half in (0.5, -0.5))
        return float(-np.log2((self.weights * (upper - lower)).sum(axis=0)).sum())


def draw(kind: str, components: int, count: int) -> Mixture:
    """Draw a workload of the reference measurements."""
    random = np.random.default_rng(1)
    largest, spread = WORKLOADS[kind]
    shape = (components, count)
    scales = np.exp(random.uniform(math.log(0.11), math.log(largest), shape))
    means = random.normal(0, spread, shape)
    weights = random.dirichlet(np.ones(components), count).T
    chosen = (random.random(count) > np.cumsum(weights, 0)).sum(0).clip(0, components - 1)
    drawn = random.normal(means, scales)[chosen, np.arange(count)]
    return Mixture(np.rint(drawn).astype(np.int32), weights, means, scales)


class Ours:
    """Our coder: calls of symbols with their parameters, as one stream."""

    def __init__(self, calls: list[tuple[np.ndarray, MixtureParameters]], isa: str) -> None:
        self.calls, self.isa, self.stream = calls, isa, b""
        self.decoded: list[np.ndarray] = []
        self.symbols = sum(len(symbols) for symbols, _ in calls)

    def encode(self) -> None:
        """Write the stream."""
        encoder = Encoder(isa=self.isa)
        for symbols, parameters in self.calls:
            encoder.put_mixture(symbols, parameters)
        self.stream = encoder.finish()

    def decode(self) -> None:
        """Read the stream."""
        decoder = Decoder(self.stream, isa=self.isa, threads=1)
        self.decoded = [decoder.get_mixture(parameters) for _, parameters in self.calls]
        decoder.finish()

    def verify(self) -> None:
        """Compare what was read with what was written."""
        for (symbols, _), decoded in zip(self.calls, self.decoded, strict=True):
            assert np.array_equal(symbols, decoded)


class Constriction:
    """Its ANS coder with one quantized Gaussian a symbol."""

    def __init__(self, mixture: Mixture) -> None:
        import constriction

        self.ans = constriction.stream.stack.AnsCoder
        self.family = constriction.stream.model.QuantizedGaussian(-1000, 1000)
        self.symbols, self.words = mixture.symbols, None
        self.means, self.scales = mixture.means[0].copy(), mixture.scales[0].copy()

    def encode(self) -> None:
        """Write the words."""
        coder = self.ans()
        coder.encode_reverse(self.symbols, self.family, self.means, self.scales)
        self.words = coder.get_compressed()

    def decode(self) -> None:
        """Read the words."""
        coder = self.ans(self.words)
        self.decoded = coder.decode(self.family, self.means, self.scales)

    def verify(self) -> None:
        """Compare what was read with what was written."""
        assert np.array_equal(self.decoded, self.symbols)


class CompressAIGaussian:
    """GaussianConditional, tensors to bytes: one Gaussian, scales rounded to a table."""

    def __init__(self, mixture: Mixture) -> None:
        import torch
        from compressai.entropy_models import GaussianConditional

        table = np.exp(np.linspace(math.log(0.11), math.log(256), 64)).tolist()
        self.model = GaussianConditional(table)
        self.model.update_scale_table(table, force=True)
        shape = (1, 1, 1, -1)
        # It codes the rounded distance from the mean.
        self.means = torch.from_numpy(mixture.means[0]).float().reshape(shape)
        self.scales = torch.from_numpy(mixture.scales[0]).float().reshape(shape)
        self.symbols = torch.from_numpy(mixture.symbols).float().reshape(shape)
        self.strings: list[bytes] = []

    def encode(self) -> None:
        """Write the string."""
        indexes = self.model.build_indexes(self.scales)
        self.strings = self.model.compress(self.symbols, indexes, self.means)

    def decode(self) -> None:
        """Read the string."""
        indexes = self.model.build_indexes(self.scales)
        self.decoded = self.model.decompress(self.strings, indexes, means=self.means)

    def verify(self) -> None:
        """Compare what was read with what was written, but for halves of float means."""
        assert float((self.decoded - self.symbols).abs().max()) <= 0.5001


class CompressAITables:
    """A mixture in CompressAI's way: a table of cumulative counts for every symbol."""

    def __init__(self, mixture: Mixture) -> None:
        import torch
        from compressai import ans
        from compressai._CXX import pmf_to_quantized_cdf

        self.torch, self.ans, self.quantize = torch, ans, pmf_to_quantized_cdf
        self.symbols = mixture.symbols.tolist()
        self.numbers = [
            torch.from_numpy(x).float() for x in (mixture.weights, mixture.means, mixture.scales)
        ]
        self.low = np.floor((mixture.means - 4.5 * mixture.scales).min(axis=0)).astype(np.int64)
        self.high = np.ceil((mixture.means + 4.5 * mixture.scales).max(axis=0)).astype(np.int64)
        self.string = b""

    def tables(self) -> tuple[list[list[int]], list[int], list[int], list[int]]:
        """Return every symbol's table, as encoder and decoder build them."""
        weights, means, scales = (x[:, :, None] for x in self.numbers)
        lengths = (self.high - self.low + 1).tolist()
        low = self.torch.from_numpy(self.low)
        edges = low[:, None] + self.torch.arange(max(lengths) + 1) - 0.5
        mass = (weights * self.torch.special.ndtr((edges - means) / scales)).sum(0).diff(dim=1)
        tables = []
        for row, length in zip(mass.tolist(), lengths, strict=True):
            inside = row[:length]
            tables.append(self.quantize([*inside, max(1 - sum(inside), 0.0)], 16))
        indexes = list(range(len(tables)))
        return tables, indexes, [len(t) for t in tables], low.tolist()

    def encode(self) -> None:
        """Write the string."""
        tables, indexes, sizes, offsets = self.tables()
        self.string = self.ans.RansEncoder().encode_with_indexes(
            self.symbols, indexes, tables, sizes, offsets
        )

    def decode(self) -> None:
        """Read the string."""
        tables, indexes, sizes, offsets = self.tables()
        self.decoded = self.ans.RansDecoder().decode_with_indexes(
            self.string, indexes, tables, sizes, offsets
        )

    def verify(self) -> None:
        """Compare what was read with what was written."""
        assert self.decoded == self.symbols


def picture_calls(path: Path, weights: str) -> list[tuple[np.ndarray, MixtureParameters]]:
    """Return what the codec puts into the streams of a picture, by listening to its encoder."""
    from lic import codec
    from lic.codec import latent_coding
    from lic.codec.picture import read_picture

    calls: list[tuple[np.ndarray, MixtureParameters]] = []

    class Listener(Encoder):
        def put_mixture(self, symbols: Any, parameters: MixtureParameters) -> None:
            calls.append((np.ascontiguousarray(symbols, np.int32), parameters))
            super().put_mixture(symbols, parameters)

    original, latent_coding.Encoder = latent_coding.Encoder, Listener  # type: ignore[misc]
    try:
        codec.encode(read_picture(path), weights=weights)
    finally:
        latent_coding.Encoder = original  # type: ignore[misc]
    return calls


def measure(coders: dict[str, tuple[Any, int]], rounds: int) -> dict[str, dict[str, float]]:
    """Return nanoseconds a symbol, {name: {encode_ns, decode_ns}}, of coders of n symbols."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in coders}
    for turn in range(rounds):
        for name, (coder, count) in coders.items():
            if turn >= 2 and count < SYMBOLS // 100:
                continue
            for steps, step in zip(times[name], (coder.encode, coder.decode), strict=True):
                begin = time.process_time()
                step()
                steps.append((time.process_time() - begin) / count * 1e9)
            coder.verify()
    return {
        name: {"encode_ns": statistics.median(encode), "decode_ns": statistics.median(decode)}
        for name, (encode, decode) in times.items()
    }


def peers(kind: str, count: int, slow_count: int) -> dict[str, tuple[Any, int]]:
    """Return those of the other coders that are installed."""
    single, few = draw(kind, 1, count), draw(kind, 3, slow_count)
    found: dict[str, tuple[Any, int]] = {}
    try:
        found["constriction, one Gaussian"] = (Constriction(single), count)
    except ImportError as error:
        print(f"constriction is left out: {error}", file=sys.stderr)
    try:
        import torch

        from lic.evaluation import torchvision_operators

        torch.set_num_threads(1)
        torchvision_operators.declare()
        import compressai  # noqa: F401

        found["CompressAI, one Gaussian"] = (CompressAIGaussian(single), count)
        found["CompressAI, tables"] = (CompressAITables(few), slow_count)
    except ImportError as error:
        print(f"CompressAI is left out: {error}", file=sys.stderr)
    return found


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything."""
    isa = chosen_instruction_set(options.isa)
    result: dict[str, Any] = {"isa": isa, "symbols": options.symbols, "peers": {}}
    slow = max(options.symbols // 400, 1)
    for kind in WORKLOADS:
        mixture = draw(kind, 3, options.symbols)
        ours = Ours([(mixture.symbols, mixture.parameters())], isa)
        single = draw(kind, 1, options.symbols)
        one = Ours([(single.symbols, single.parameters())], isa)
        coders: dict[str, tuple[Any, int]] = {"lic": (ours, options.symbols)}
        coders["lic, one Gaussian"] = (one, options.symbols)
        for name in instruction_sets():
            if options.every_isa and name != isa:
                other = Ours(ours.calls, name)
                coders[f"lic, {name}"] = (other, options.symbols)
        if not options.no_peers:
            coders |= peers(kind, options.symbols, slow)
        times = measure(coders, options.rounds)
        excess = (8 * len(ours.stream) - mixture.ideal_bits()) / options.symbols
        result[kind] = {**times.pop("lic"), "excess_bits": excess}
        for name, numbers in times.items():
            result["peers"].setdefault(name, {})[kind] = numbers
    try:
        calls = picture_calls(options.picture, options.weights)
    except Exception as error:  # whatever keeps the codec from running: measure the rest
        print(f"kodak is left out: {error}", file=sys.stderr)
    else:
        ours = Ours(calls, isa)
        times = measure({"lic": (ours, ours.symbols)}, options.rounds)
        ideal = Encoder(isa=isa)
        for symbols, parameters in calls:
            ideal.put_mixture(symbols, parameters)
        result["kodak"] = {
            **times["lic"],
            "excess_bits": (8 * len(ours.stream) - ideal.ideal_bits()) / ours.symbols,
            "symbols": ours.symbols,
        }
    return result


def table(result: dict[str, Any]) -> str:
    """Return the result as a table in Markdown."""
    kinds = [kind for kind in (*WORKLOADS, "kodak") if kind in result]
    lines = ["| coder | " + " | ".join(f"{kind}, encode / decode" for kind in kinds) + " |"]
    lines.append("|---" * (len(kinds) + 1) + "|")
    rows = {f"lic, {result['isa']}": {kind: result[kind] for kind in kinds}, **result["peers"]}
    for name, row in rows.items():
        cells = (
            f"{row[k]['encode_ns']:.1f} / {row[k]['decode_ns']:.1f}" if k in row else ""
            for k in kinds
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    excess = (f"{result[kind]['excess_bits']:.4f}" for kind in kinds)
    return "\n".join([*lines, "| excess of lic, bit/symbol | " + " | ".join(excess) + " |"])


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--isa", choices=instruction_sets(), help="the instruction set of lic")
    parser.add_argument("--every-isa", action="store_true", help="measure the others too")
    parser.add_argument("--no-peers", action="store_true", help="measure only lic")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="for the workload kodak")
    parser.add_argument("--weights", default="small-3", help="id of installed weights for it")
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    result = run(options)
    print(table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
