"""`lic eval` and `lic compare`: rate and distortion of codecs, by real files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lic.cli.weights import weights_folder, weights_ids
from lic.codec.output import make_folder, write_file

if TYPE_CHECKING:
    from lic.evaluation.codecs import Codec

_PEERS = click.option(
    "--peers",
    default="jpeg,webp,avif,jp2,jxl",
    show_default=True,
    help="Formats to compare with, with commas between them; '' for none.",
)
_COMPRESSAI = click.option(
    "--compressai",
    multiple=True,
    metavar="ARCH=CKPT[,CKPT...]",
    help="A CompressAI architecture with checkpoints, lowest rate first; may be repeated.",
)
_BPP = click.option(
    "--bpp",
    type=click.FloatRange(0, min_open=True),
    default=0.3,
    show_default=True,
    help="Rate, in bits a pixel, of the pictures to look at.",
)


def _qualities(_: click.Context, __: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        numbers = tuple(sorted({float(part) for part in value.split(",")}))
    except ValueError as error:
        raise click.BadParameter("must be numbers with commas between them") from error
    if not all(0 <= number <= 100 for number in numbers):
        raise click.BadParameter("must lie between 0 and 100")
    return numbers


def _codecs(
    weights: tuple[str, ...],
    qualities: tuple[float, ...],
    names: str,
    compressai: tuple[str, ...],
) -> list[Codec]:
    from lic.evaluation.codecs import LicCodec, peers
    from lic.evaluation.compressai_codec import CompressaiCodec

    others = [CompressaiCodec.parse(words) for words in compressai]
    found, missing = peers([name for name in names.split(",") if name])
    for name in missing:
        click.echo(f"{name} is not installed and is left out", err=True)
    return [*(LicCodec(w, qualities) for w in weights), *found, *others]


@click.command("eval")
@click.argument(
    "folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--set",
    "picture_set",
    type=click.Choice(["hard"]),
    help="Instead of FOLDER: synthetic pictures that are hard for networks; --out gets them, too.",
)
@weights_ids
@weights_folder
@click.option(
    "--quality",
    "qualities",
    default="0,15,30,45,60,75,90,100",
    show_default=True,
    callback=_qualities,
    help="Qualities, with commas between them.",
)
@click.option("--points", type=click.IntRange(2), help="Number of qualities, evenly from 0 to 100.")
@_PEERS
@_COMPRESSAI
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The report's folder.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
@_BPP
@click.option(
    "--shown",
    type=click.IntRange(1),
    default=6,
    show_default=True,
    help="How many of the pictures the page shows.",
)
@click.option("--manifest", is_flag=True, help="Also write the points to the weights' manifest.")
def evaluate(
    folder: Path | None,
    picture_set: str | None,
    weights: tuple[str, ...],
    qualities: tuple[float, ...],
    points: int | None,
    peers: str,
    compressai: tuple[str, ...],
    out: Path,
    jobs: int,
    bpp: float,
    shown: int,
    manifest: bool,
) -> None:
    """Measure rate and distortion on the pictures in FOLDER, by real files.

    Writes pictures.csv, summary.json, plots and report.html to --out; the page has the pictures to
    look at, as `lic compare` shows them, in the folder shown. Rows that are already in
    pictures.csv are not measured again. Published curves are of the 24 pictures of Kodak: only if
    FOLDER holds these, there are BD-rates against them.
    """
    from rich.progress import Progress

    from lic.codec.picture import list_pictures
    from lic.evaluation import anchors, hard_pictures
    from lic.evaluation.points import note_points
    from lic.evaluation.report import REFERENCE, EmptyEvaluationError, spread, write_report
    from lic.evaluation.sweep import summarise, sweep, usable

    if (folder is None) == (picture_set is None):
        raise click.UsageError("give either FOLDER or --set")
    not_kodak = click.UsageError("--manifest is for the points on Kodak, all 24 pictures")
    if picture_set and manifest:
        raise not_kodak
    if points:
        qualities = tuple(100 * i / (points - 1) for i in range(points))
    if folder is None:
        folder = out / "pictures"
        make_folder(folder)
        paths = hard_pictures.write_hard_pictures(folder)
    else:
        paths = list_pictures([folder])
    pictures, skipped = usable(paths)
    if not pictures:
        raise EmptyEvaluationError(f"there is no usable picture in {folder}")
    published = anchors.kodak() if anchors.are_kodak(pictures) else {}
    if manifest and not published:
        raise not_kodak
    codecs = _codecs(weights, qualities, peers, compressai)
    make_folder(out)
    with Progress() as bar:
        task = bar.add_task("", total=len(pictures) * sum(len(c.settings) for c in codecs))
        rows = sweep(
            codecs,
            folder,
            pictures,
            out / "pictures.csv",
            jobs,
            lambda row: bar.update(task, advance=1, description=row.codec),
        )
    summary = {**summarise(codecs, rows, published), "skipped": skipped}
    write_report(out, summary, codecs, pictures, spread(pictures, shown), bpp, published)
    anchor = "VTM" if published else REFERENCE
    for name, columns in summary["codecs"].items():
        rate = summary["bd_rate"].get(anchor, {}).get(name)
        click.echo(
            f"{name}:" if rate is None else f"{name}: BD-rate against {anchor} {rate:+.1f} %"
        )
        if by_picture := picture_set and summary["bd_rate_by_picture"].get(anchor, {}).get(name):
            mean, worst, picture = (by_picture[k] for k in ("mean", "worst", "worst_picture"))
            if picture:
                click.echo(f"  by picture: mean {mean:+.1f} %, worst {worst:+.1f} % ({picture})")
            if without := len(by_picture["without"]):
                click.echo(f"  {without} pictures have none, as no quality is common")
        for setting, bpp, psnr in zip(
            columns["setting"], columns["bpp"], columns["psnr"], strict=True
        ):
            click.echo(f"  {setting:5g}: {bpp:.4f} bpp, {psnr:.3f} dB")
    if manifest:
        for name in weights:
            note_points(name, summary)
    for reason in skipped.values():
        click.echo(f"skipped: {reason}", err=True)


@click.command()
@click.argument("picture", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@_BPP
@weights_ids
@weights_folder
@_PEERS
@_COMPRESSAI
def compare(
    picture: Path,
    target: Path,
    bpp: float,
    weights: tuple[str, ...],
    peers: str,
    compressai: tuple[str, ...],
) -> None:
    """Put PICTURE through every codec at the rate nearest to --bpp.

    TARGET is, by its suffix, a page to look into the pictures (.html), or a contact sheet (.png or
    another kind of picture).
    """
    import numpy as np

    from lic.codec.picture import check_picture_path, picture_bytes, read_picture
    from lic.evaluation.compare import contact_sheet, nearest_rate

    as_page = target.suffix.lower() in (".html", ".htm")
    if not as_page:
        check_picture_path(target)
    pixels = read_picture(picture)
    codecs = _codecs(weights, (0.0, 100.0), peers, compressai)
    candidates = [nearest_rate(codec, pixels, bpp) for codec in codecs]
    for candidate in candidates:
        click.echo(f"{candidate.name}: {candidate.bpp:.4f} bpp, {candidate.psnr:.2f} dB")
    if as_page:
        from lic.evaluation.viewer import comparison_page

        write_file(target, comparison_page(picture.name, pixels, candidates, bpp))
    else:
        write_file(target, picture_bytes(np.asarray(contact_sheet(pixels, candidates)), target))
