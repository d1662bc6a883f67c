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
    "--bits",
    default="default",
    show_default=True,
    help="8, w6a8 (weights, activations), several with commas, any, or a file of `lic search`.",
)
@click.option(
    "--pictures",
    type=click.IntRange(1),
    default=24,
    show_default=True,
    help="Pictures to calibrate with; as many others, which a training may see, are to compare.",
)
@click.option("--steps", type=click.IntRange(1), help="Train with the bits so many steps.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Or so long.")
@click.option("--run", type=click.Path(path_type=Path), help="The training's folder.")
@click.option("--resume", is_flag=True, help="Continue the training in --run.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Of the training.")
@click.option("--summary", default="", help="One line for `lic models`.")
@click.option("--command", default="", help="How they were made, for the manifest.")
@weights_folder
def quantize(
    source: str,
    folders: tuple[Path, ...],
    weights_id: str,
    out: Path,
    bits: str,
    pictures: int,
    steps: int | None,
    minutes: float | None,
    run: Path | None,
    resume: bool,
    assignments: tuple[str, ...],
    summary: str,
    command: str,
) -> None:
    """Round the float weights ID to integers, which code without torch, the same everywhere.

    Pictures below FOLDERS, such as those of the training, calibrate the ranges of its values.
    Prints what the rounding costs. By default weights have 12 bits, 8 in the entropy path, and
    activations 16, which costs next to nothing. With fewer, --minutes or --steps train the network
    to live with them, in the folder --run. With several, such as 8,w6a8, one set of weights learns
    to serve all of them, and there is a file for each, of ids ID-8 and ID-w6a8; `any` is
    w12a16,w8a16,w8a8,w6a8,w4a8.
    """
    with extra("torch", "torch"):
        from lic.quantization.packing import Training, chosen
        from lic.quantization.packing import quantize as quantized

    notes = {"summary": summary, "command": command}
    training = None
    if steps or minutes or resume:
        if run is None:
            raise click.UsageError("a training needs a folder: --run")
        given = {key: value for key, value in (("steps", steps), ("minutes", minutes)) if value}
        training = Training(run, given, assignments, resume)
    elif run is not None or assignments:
        raise click.UsageError("a training needs a budget: --minutes or --steps")
    wanted = chosen(bits)
    made = quantized(source, folders, weights_id, out, notes, pictures, wanted, training)
    for one in made:
        click.echo(f"{one.file}: {one.file.stat().st_size} bytes", err=True)
        for row in one.cost:
            click.echo(f"quality {row.quality:g}: {100 * row.bits:+.2f} % bits, {row.psnr:+.3f} dB")
