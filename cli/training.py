"""Commands that make weights: `lic train` and `lic weights`."""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--preset", default="small", show_default=True, help="Sizes of the network.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run's folder.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Budget by the clock.")
@click.option("--steps", type=click.IntRange(1), help="Budget by steps.")
@click.option("--batch", type=click.IntRange(1), help="Crops a step and process.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Peak rate.")
@click.option("--compile/--no-compile", default=False, help="Compile the network first.")
@click.option("--device", help="cpu, cuda, ...; the GPU if there is one.")
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
def train(
    folders: tuple[Path, ...],
    preset: str,
    out: Path,
    minutes: float | None,
    steps: int | None,
    batch: int | None,
    learning_rate: float | None,
    compile: bool,
    device: str | None,
    resume: bool,
) -> None:
    """Train a codec on the pictures below FOLDERS.

    Interrupted, it can go on with --resume. With torchrun it uses several processes:
    torchrun --nproc-per-node 2 -m lic.cli train ...
    """
    from lic.training.run import start

    if (minutes is None) == (steps is None):
        raise click.UsageError("give one of --minutes and --steps")
    settings = {
        "minutes": minutes,
        "steps": steps,
        "batch": batch,
        "learning_rate": learning_rate,
        "compile": compile,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    start(list(folders), preset, out, given, device, resume)


@click.group()
def weights() -> None:
    """Make weights files of training runs."""


@weights.command()
@click.argument("run", type=FOLDER)
@click.option("--id", "weights_id", required=True, help="The permanent id; never used again.")
@click.option("--out", required=True, type=FOLDER, help="A folder of weights with its manifest.")
@click.option("--summary", default="", help="One line for `lic models`.")
@click.option("--command", default="", help="The training command, for the manifest.")
@click.option("--data", default="", help="What it was trained on, for the manifest.")
@click.option("--hardware", default="", help="Where it was trained, for the manifest.")
def pack(
    run: Path, weights_id: str, out: Path, summary: str, command: str, data: str, hardware: str
) -> None:
    """Turn the training RUN into a weights file and an entry of the manifest."""
    from lic.training.packing import pack_run

    notes = {"summary": summary, "command": command, "data": data, "hardware": hardware}
    path = pack_run(run, weights_id, out, notes)
    click.echo(f"{path}: {path.stat().st_size} bytes", err=True)
