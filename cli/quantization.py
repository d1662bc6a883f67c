"""`lic quantize`: float weights to weights of integers."""

from __future__ import annotations

from pathlib import Path

import click

from lic.cli.weights import weights_folder
from lic.codec.errors import extra


@click.command()
@click.argument("source", metavar="ID")
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option("--id", "weights_id", required=True, help="The permanent id; never used again.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of weights with its manifest.",
)
@click.option(
    "--pictures",
    type=click.IntRange(1),
    default=24,
    show_default=True,
    help="Pictures to calibrate with; as many others are to compare with.",
)
@click.option("--summary", default="", help="One line for `lic models`.")
@click.option("--command", default="", help="How they were made, for the manifest.")
@weights_folder
def quantize(
    source: str,
    folders: tuple[Path, ...],
    weights_id: str,
    out: Path,
    pictures: int,
    summary: str,
    command: str,
) -> None:
    """Round the float weights ID to integers, which code without torch, the same everywhere.

    Pictures below FOLDERS, such as those of the training, calibrate the ranges of its values.
    Prints what the rounding costs.
    """
    with extra("torch", "torch"):
        from lic.quantization.packing import quantize as quantized

    notes = {"summary": summary, "command": command}
    path, cost = quantized(source, folders, weights_id, out, notes, pictures)
    click.echo(f"{path}: {path.stat().st_size} bytes", err=True)
    for row in cost:
        click.echo(f"quality {row.quality:g}: {100 * row.bits:+.2f} % bits, {row.psnr:+.3f} dB")
