"""The program `lic`: its commands, and exceptions to exit codes.

Modules that load torch or NumPy are imported inside the commands, so that `lic --help` and `lic
info` answer at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from lic.cli import parts
from lic.cli.evaluation import compare, evaluate
from lic.cli.memory import is_out_of_memory
from lic.cli.quantization import quantize
from lic.cli.training import train, weights
from lic.cli.weights import weights_folder, weights_id
from lic.codec import DEFAULT_QUALITY, MAX_PIXELS, read_container
from lic.codec.errors import LicError, OutputError, PictureError, extra
from lic.codec.progress import Report, ignore

FILE = click.Path(path_type=Path, dir_okay=False)
device = click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="What runs the network: cpu, or a device of torch's, such as cuda. Results are the same.",
)
max_pixels = click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)


def _check_environment() -> None:
    """Raise LicError if LIC_ISA names no instruction set."""
    if "LIC_ISA" not in os.environ:
        return
    from lic.entropy_coding.coder import chosen_instruction_set

    try:
        chosen_instruction_set()
    except ValueError as error:
        raise LicError(f"the environment variable LIC_ISA is wrong: {error}") from error


class _Program(click.Group):
    """A group whose commands end with one sentence and the error's own exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            _check_environment()
            return super().invoke(ctx)
        except LicError as error:
            click.echo(f"lic: {error}", err=True)
            sys.exit(error.exit_code)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            click.echo("lic: not enough memory", err=True)
            sys.exit(LicError.exit_code)


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lic", prog_name="lic", message="%(prog)s %(version)s")
def main() -> None:
    r"""A learned image codec: pictures to small files, and back.

    \b
    Exit codes: 0 done, 2 wrong usage, 3 unusable picture, 4 damaged file, 5 truncated file,
    6 unknown format version, 7 missing or wrong weights, 8 too large, 9 cannot write,
    10 training failed, 11 a package is missing, 12 unknown peer, 13 nothing to evaluate,
    14 unusable checkpoint of a peer, 15 training interrupted (it can be resumed),
    16 unusable settings, 17 the file needs a newer program, 18 unusable device,
    21 no such region, 1 anything else.
    """


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror}") from error


def _check_output(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists (and --no-overwrite was given)")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}")


@contextmanager
def _progress(name: str) -> Iterator[Report]:
    """A context with a report that moves a bar on the terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@main.command()
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
@click.option(
    "-q",
    "--quality",
    type=click.FloatRange(0, 100),
    default=DEFAULT_QUALITY,
    show_default=True,
    help="0 (smallest file) to 100 (best picture).",
)
@weights_id
@weights_folder
@click.option(
    "--effort",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Iterations of annealing, for smaller files: 3 or 10 are quick, 100 thorough.",
)
@device
@parts.strip
@click.option("--overwrite/--no-overwrite", default=True, show_default=True)
def encode(
    source: Path,
    target: Path,
    quality: float,
    weights: str,
    effort: int,
    device: str,
    strip: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Compress the picture SOURCE to the file TARGET."""
    import lic.cli.numpy_threads  # noqa: F401  # before all that loads NumPy
    from lic import codec
    from lic.codec.images import stripped
    from lic.codec.output import write_file
    from lic.codec.picture import load_picture

    _check_output(target, overwrite)
    picture = stripped(load_picture(source), strip)
    for note in picture.original.notes():
        click.echo(f"{source}: {note}", err=True)
    with _progress("annealing") if effort else nullcontext(ignore) as report:
        data = codec.encode(picture, quality, weights, effort, report, device)
    write_file(target, data)
    bpp = 8 * len(data) / (picture.pixels.shape[0] * picture.pixels.shape[1])
    click.echo(f"{target}: {len(data)} bytes, {bpp:.4f} bpp", err=True)


@main.command()
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
@max_pixels
@weights_folder
@device
@parts.region
@parts.reduce
@parts.strip
@click.option("--overwrite/--no-overwrite", default=True, show_default=True)
def decode(
    source: Path,
    target: Path,
    max_pixels: int,
    device: str,
    region: tuple[int, int, int, int] | None,
    reduce: int,
    strip: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Decompress the file SOURCE to the picture TARGET (PNG, BMP, PPM or TIFF)."""
    import lic.cli.numpy_threads  # noqa: F401  # before all that loads NumPy
    from lic import codec
    from lic.codec.images import stripped
    from lic.codec.output import write_file
    from lic.codec.picture import check_picture_path, picture_bytes

    check_picture_path(target)
    _check_output(target, overwrite)
    picture = codec.decode_picture(
        _read(source),
        max_pixels=max_pixels,
        device=device,
        region=region,
        reduce=reduce,
    )
    write_file(target, picture_bytes(stripped(picture, strip), target))


@main.command()
@click.argument("source", type=FILE)
@max_pixels
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(source: Path, max_pixels: int, as_json: bool) -> None:
    """Print the header and the sizes of the file SOURCE, without decoding it."""
    from lic.codec.info import describe

    facts = describe(read_container(_read(source), max_pixels))
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    for key, value in facts.items():
        shown = (
            ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        )
        click.echo(f"{key.replace('_', ' '):>16}  {shown}")


@main.command()
@weights_folder
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--all", "presets", is_flag=True, help="List the presets to train, too.")
def models(as_json: bool, presets: bool) -> None:
    """List the installed weights: size, cost, and their measured points on Kodak.

    With --all, also the presets, with parameters and kMAC/px by module.
    """
    from lic.codec.manifest import installed

    entries = {name: asdict(found.entry) for name, found in installed().items()}
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
        for part, count in entry.get("parameters_by_module", {}).items():
            click.echo(f"  {part:<28} {_millions(count)} M {cost.get(part, 0):8.2f} kMAC/px")
        if not kodak:
            continue
        if kodak["bd_rate_vtm"] is not None:
            click.echo(f"  on Kodak: BD-rate {kodak['bd_rate_vtm']:+.1f} % against VTM")
        for row in zip(*(kodak[key] for key in ("quality", "bpp", "psnr")), strict=True):
            click.echo("  quality {:5.1f}: {:.4f} bpp, {:.2f} dB".format(*row))


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f}"


def _presets() -> dict[str, Any]:
    """All presets: parameters and cost, counted here and now."""
    with extra("torch", "torch"):
        from lic.models import PRESETS
        from lic.models.complexity import describe

    return {name: {"summary": p.summary, **describe(name)} for name, p in PRESETS.items()}


main.add_command(evaluate)
main.add_command(compare)
main.add_command(quantize)
main.add_command(train)
main.add_command(weights)
