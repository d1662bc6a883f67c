"""`lic eval`: rate and distortion of installed weights, by real files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lic.codec import DEFAULT_WEIGHTS


def _qualities(_: click.Context, __: click.Parameter, value: str) -> list[float]:
    try:
        numbers = [float(part) for part in value.split(",")]
    except ValueError as error:
        raise click.BadParameter("must be numbers with commas between them") from error
    if not all(0 <= number <= 100 for number in numbers):
        raise click.BadParameter("must lie between 0 and 100")
    return numbers


@click.command("eval")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--weights", default=DEFAULT_WEIGHTS, show_default=True, help="An id of `lic models`."
)
@click.option(
    "--quality",
    "qualities",
    default="0,15,30,45,60,75,90,100",
    show_default=True,
    callback=_qualities,
    help="Qualities, with commas between them.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the results here, as JSON.")
@click.option("--manifest", is_flag=True, help="Note the results in the weights' manifest, too.")
def evaluate(
    folder: Path, weights: str, qualities: list[float], out: Path | None, manifest: bool
) -> None:
    """Measure rate and distortion on the pictures in FOLDER, by real files.

    BD-rates are against published curves on Kodak: they mean something for those pictures only.
    """
    from lic.codec.errors import PictureError
    from lic.codec.output import write_file
    from lic.codec.picture import list_pictures
    from lic.codec.weights import note_points
    from lic.evaluation.sweep import Point, summary, sweep

    pictures = list_pictures([folder])
    if not pictures:
        raise PictureError(f"there is no picture in {folder}")

    def report(point: Point) -> None:
        click.echo(
            f"quality {point.quality:5.1f}: {point.bpp:.4f} bpp (estimated "
            f"{point.estimated_bpp:.4f}), {point.psnr:.3f} dB, encode {point.encode_s:.2f} s, "
            f"decode {point.decode_s:.2f} s"
        )

    results = summary(sweep(pictures, qualities, weights, report))
    for name, rate in results["bd_rate"].items():
        click.echo(f"BD-rate {rate:+7.2f} % against {name}")
    if out:
        write_file(out, (json.dumps(results, indent=1) + "\n").encode())
    if manifest:
        note_points(weights, results)
