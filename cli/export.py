"""`lic export`: weights as models for other runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from lic.cli.weights import weights_folder
from lic.codec.errors import extra


@click.command()
@click.argument("weights_id", metavar="ID")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A new or an empty folder.",
)
@weights_folder
def export(weights_id: str, out: Path) -> None:
    """Write the integer weights ID as ONNX models of encoder and decoder.

    The exact form gives the same files and pixels as this program. Two forms of the transforms
    alone are faster than it, and nearly the same. A README.md in the folder tells more.
    """
    with extra("onnx", "onnx"), extra("onnxruntime", "onnx"):
        from lic.export.folder import export as exported

    exported(weights_id, out)
    size = sum(path.stat().st_size for path in out.rglob("*.onnx"))
    click.echo(f"{out}: models of {size} bytes", err=True)
