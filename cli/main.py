"""The program `lic`: its commands, and exceptions to exit codes.

Modules that load torch or NumPy are imported inside the commands, so that `lic --help` and `lic
info` answer at once.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import click

from lic.cli.coding import PATH, decode, encode, max_pixels
from lic.cli.corpus import encode_corpus
from lic.cli.evaluation import compare, evaluate
from lic.cli.exit_codes import EXIT_CODES
from lic.cli.export import export
from lic.cli.memory import is_out_of_memory
from lic.cli.quantization import quantize
from lic.cli.search import search
from lic.cli.signals import INTERRUPTED, TERMINATED, Terminated, raise_on_termination
from lic.cli.training import train, weights
from lic.cli.weights import weights_folder
from lic.codec import read_container
from lic.codec.errors import LicError, extra
from lic.codec.input import read_lic_file


def _check_environment() -> None:
    """Raise LicError if LIC_ISA names no instruction set, or LIC_THREADS no number."""
    if "LIC_ISA" in os.environ:
        from lic.entropy_coding.coder import chosen_instruction_set

        try:
            chosen_instruction_set()
        except ValueError as error:
            raise LicError(f"the environment variable LIC_ISA is wrong: {error}") from error
    threads = os.environ.get("LIC_THREADS") or "1"
    if not (threads.isascii() and threads.isdigit() and int(threads) > 0):
        raise LicError(f"the environment variable LIC_THREADS is no number of threads: {threads}")


class _Program(click.Group):
    """A group whose commands end with one sentence and the error's own exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            raise_on_termination()
            warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters of them is an error
            _check_environment()
            return super().invoke(ctx)
        except LicError as error:
            _end(str(error), error.exit_code)
        except KeyboardInterrupt:
            _end("interrupted", INTERRUPTED)
        except Terminated:
            _end("terminated", TERMINATED)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            _end("not enough memory", LicError.exit_code)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), words) for code, words in EXIT_CODES.items()])


def _end(reason: str, code: int) -> NoReturn:
    click.echo(f"lic: {reason}", err=True)
    sys.exit(code)


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lic", prog_name="lic", message="%(prog)s %(version)s")
def main() -> None:
    """A learned image codec: pictures to small files, and back."""


@main.command()
@click.argument("source", type=PATH)
@max_pixels
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(source: Path, max_pixels: int, as_json: bool) -> None:
    """Print the header and the sizes of the file SOURCE, without decoding it."""
    from lic.codec.info import describe

    facts = describe(read_container(read_lic_file(source, max_pixels), max_pixels))
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    for key, value in facts.items():
        shown = (
            ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        )
        shown = "none" if shown is None else shown
        click.echo(f"{key.replace('_', ' '):>16}  {shown}")


@main.command()
@weights_folder
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--all", "presets", is_flag=True, help="List the presets to train, too.")
@click.option("--costs", "counted", is_flag=True, help="Bits, BitOps, bytes and milliseconds, too.")
def models(as_json: bool, presets: bool, counted: bool) -> None:
    """List the installed weights: size, cost, and their measured points on Kodak.

    With --all, also the presets, with parameters and kMAC/px by module. With --costs, what the
    weights of integers need: mean bits of weights and activations, thousands of BitOps a pixel,
    bytes, and the milliseconds of all networks for 768x512 pixels, measured now with one thread.
    """
    from lic.codec.manifest import installed

    entries = {name: asdict(found.entry) for name, found in installed().items()}
    if counted:
        for name, found in installed().items():
            entries[name]["costs"] = _costs(name) if found.entry.kind == "integer" else None
    known = _presets() if presets else {}
    if as_json:
        listed = {"weights": entries, "presets": known} if presets else entries
        click.echo(json.dumps(listed, indent=1))
        return
    for name, entry in [*entries.items(), *known.items()]:
        cost, kodak = entry["kmac_per_pixel"], entry.get("kodak")
        click.echo(
            f"{name}: {entry['summary']}\n  {_millions(entry['parameters'])} M parameters; "
            f"encode {cost['encode']:.1f}, decode {cost['decode']:.1f} kMAC/px"
        )
        if costs := entry.get("costs"):
            click.echo(
                "  bits {weight_bits:.1f} and {activation_bits:.1f} (weights, activations); "
                "{bit_operations:.0f} kBitOps/px; {bytes:.0f} bytes; {milliseconds:.0f} ms".format(
                    **costs
                )
            )
        for part, count in entry.get("parameters_by_module", {}).items():
            click.echo(f"  {part:<28} {_millions(count)} M {cost.get(part, 0):8.2f} kMAC/px")
        if not kodak:
            continue
        if kodak["bd_rate_vtm"] is not None:
            click.echo(f"  on Kodak: BD-rate {kodak['bd_rate_vtm']:+.1f} % against VTM")
        for row in zip(*(kodak[key] for key in ("quality", "bpp", "psnr")), strict=True):
            click.echo("  quality {:5.1f}: {:.4f} bpp, {:.2f} dB".format(*row))


def _costs(weights_id: str) -> dict[str, float]:
    """Of weights of integers, counted here and now."""
    from lic.codec.executors.integers import IntegerExecutor
    from lic.codec.weights import resolve
    from lic.integer_networks.costs import costs

    executor = resolve(weights_id).executor
    assert isinstance(executor, IntegerExecutor)
    return asdict(costs(executor.network))


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f}"


def _presets() -> dict[str, Any]:
    """All presets: parameters and cost, counted here and now."""
    with extra("torch", "torch"):
        from lic.models import PRESETS
        from lic.models.complexity import describe

    return {name: {"summary": p.summary, **describe(name)} for name, p in PRESETS.items()}


for command in (encode, encode_corpus, decode):
    main.add_command(command)
main.add_command(evaluate)
main.add_command(compare)
main.add_command(quantize)
main.add_command(search)
main.add_command(export)
main.add_command(train)
main.add_command(weights)
