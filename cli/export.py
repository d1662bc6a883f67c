"""`lic export`: weights as models for other runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from lic.cli.weights import weights_folder
from lic.export import TARGETS


@click.command()
@click.argument("weights_id", metavar="ID")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A new or an empty folder.",
)
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    default=TARGETS[0],
    show_default=True,
    help="ONNX models, or programs of torch.export.",
)
@weights_folder
def export(weights_id: str, out: Path, target: str) -> None:
    """Write the integer weights ID as models of encoder and decoder.

    The exact form gives the same files and pixels as this program. Two forms of the transforms
    alone, of ONNX, are faster than it, and nearly the same. A README.md in the folder tells more.
    """
    from lic.export.folder import export as exported

    exported(weights_id, out, target)
    size = sum(path.stat().st_size for path in out.glob("*/*"))
    click.echo(f"{out}: models of {size} bytes", err=True)
