"""Commands that make weights: `lic train` and `lic weights`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lic.cli.weights import weights_folder
from lic.codec.errors import MissingPackageError, extra
from lic.codec.manifest import float_weights_file

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("folders", nargs=-1, type=FOLDER)
@click.option("--preset", help="Sizes of the network.  [default: small]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run's folder.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Budget by the clock.")
@click.option("--steps", type=click.IntRange(1), help="Budget by steps.")
@click.option("--val", type=FOLDER, help="Held-out pictures.  [default: 1 in 20 of the others]")
@click.option("--init", metavar="ID|FILE", help="Weights to start from: an id, or a .safetensors.")
@weights_folder
@click.option("--config", type=click.Path(path_type=Path), help="A TOML file of settings.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@click.option("--device", help="cpu, cuda, ...; the GPU if there is one.")
@click.option("--processes", type=click.IntRange(1), help="On this machine.  [default: 1]")
@click.option("--resume", is_flag=True, help="Continue the run in --out, with its settings.")
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Continue the run of a snapshot, in --out.",
)
def train(
    folders: tuple[Path, ...],
    preset: str | None,
    out: Path,
    minutes: float | None,
    steps: int | None,
    val: Path | None,
    init: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
    device: str | None,
    processes: int | None,
    resume: bool,
    snapshot: Path | None,
) -> None:
    """Train a codec on the pictures below FOLDERS.

    All settings are in OUT/config.toml once a run has begun, with a line of help each; --config
    takes such a file, and --set changes single ones, such as --set batch=16 or --set
    model.components=1. OUT/report.html shows the result.

    With --init, --preset or --set model.KEY=VALUE may ask for a larger network than that of the
    weights: it begins by computing the same.

    Ctrl-C writes a checkpoint first, and --resume goes on from there; on another machine,
    --snapshot does, with a file made by lic weights snapshot. On a CPU, a process for each core is
    fastest; with GPUs, one for each of them. Several machines are used by torchrun: torchrun
    --nnodes 2 ... -m lic.cli train ...  (Where there are several processes, the exit code is
    torchrun's.)
    """
    with extra("torch", "training"):
        from lic.evaluation.training_report import write_training_report
        from lic.training.packing import packed
        from lic.training.processes import launch
        from lic.training.run import gather_settings, start

    options = {
        "preset": preset,
        "folders": [str(folder.resolve()) for folder in folders] or None,
        "minutes": minutes,
        "steps": steps,
        "processes": processes,
        "val": None if val is None else str(val.resolve()),
        "init": None if init is None else str(float_weights_file(init).resolve()),
    }
    given = {key: value for key, value in options.items() if value is not None}
    settings = gather_settings(out, config, given, assignments, resume, snapshot)
    launch(settings.processes, ["-m", "lic.cli", *sys.argv[1:]])
    finished = start(settings, out, device, resume, snapshot)
    if finished is None:
        return
    try:
        state = finished.state
        with packed(out) as weights:
            write_training_report(out, weights, state.history, state.validations, finished.held_out)
        click.echo(f"{out / 'report.html'} shows the result", err=True)
    except MissingPackageError as error:
        click.echo(f"without a report: {error}", err=True)


@click.group()
def weights() -> None:
    """Make weights files and snapshots of training runs."""


@weights.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--id", "weights_id", required=True, help="The permanent id; never used again.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of weights with its manifest.  [default: RUN/weights, or beside a snapshot]",
)
@click.option("--summary", default="", help="One line for `lic models`.")
@click.option("--command", default="", help="The training command, for the manifest.")
@click.option("--data", default="", help="What it was trained on, for the manifest.")
@click.option("--hardware", default="", help="Where it was trained, for the manifest.")
def pack(
    run: Path,
    weights_id: str,
    out: Path | None,
    summary: str,
    command: str,
    data: str,
    hardware: str,
) -> None:
    """Turn the training RUN into a weights file and an entry of the manifest.

    RUN may be the file of a snapshot, too. Commands find the weights in their folder: lic encode
    --weights-folder RUN/weights ...
    """
    with extra("torch", "training"):
        from lic.training.packing import pack_run

    notes = {"summary": summary, "command": command, "data": data, "hardware": hardware}
    folder = run.parent if run.is_file() else run
    path = pack_run(run, weights_id, out or folder / "weights", notes)
    click.echo(f"{path}: {path.stat().st_size} bytes", err=True)


@weights.command()
@click.argument("run", type=FOLDER)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def snapshot(run: Path, file: Path) -> None:
    """Write the training RUN to FILE, small, to continue it on another machine.

    lic train FOLDER --snapshot FILE --out RUN goes on, after a short warm-up.
    """
    with extra("torch", "training"):
        from lic.training.snapshot import write_snapshot

    write_snapshot(run, file)
    click.echo(f"{file}: {file.stat().st_size} bytes", err=True)
