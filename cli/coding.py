"""`lic encode` and `lic decode`: one file, or many."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from click.core import ParameterSource

from lic.cli import parts
from lic.cli.batch import Done, Options, run
from lic.cli.jobs import Existing, Job, Naming, plan
from lic.cli.weights import weights_folder, weights_id
from lic.codec import DEFAULT_EFFORT, DEFAULT_QUALITY, MAX_PIXELS
from lic.codec.container import MAGIC
from lic.codec.errors import (
    MissingDeviceError,
    MissingPackageError,
    OutputError,
    WeightsError,
)
from lic.codec.input import STANDARD, picture_source, read_lic_file
from lic.codec.output import make_folder, write_file
from lic.codec.progress import Report, ignore

if TYPE_CHECKING:
    from lic.codec.pixels import Picture
    from lic.codec.targets import Target

PATH = click.Path(path_type=Path)
_POSITIVE = click.FloatRange(0, min_open=True)
FORMATS = ("png", "jpg", "webp", "avif", "tiff", "ppm", "bmp")
device = click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="What runs the network: cpu; a device of torch's, such as cuda; onnx or onnx-cuda. "
    "Results are the same. cuda-half encodes in half precision to other files.",
)
max_pixels = click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures.",
)
_OPTIONS = (
    click.argument("arguments", metavar="INPUT... [OUTPUT]", nargs=-1, required=True, type=PATH),
    click.option("-o", "--output", type=PATH, help="The output of a single input."),
    click.option(
        "--out-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Write outputs below this folder, in the tree of the inputs.",
    ),
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1),
        help="Files at a time, each in a process of its own; on a --device, all in one.  "
        "[default: by cores and files; 16 on a --device]",
    ),
    click.option("--skip-existing", is_flag=True, help="Leave outputs that exist, and go on."),
    click.option(
        "--overwrite/--no-overwrite",
        default=None,
        help="Replace any output that exists, or none.  [default: see above]",
    ),
    click.option("--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("-v", "--verbose", is_flag=True, help="A line for each file."),
)


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "ki": 2**10, "mi": 2**20}


def _size(text: str) -> int:
    """A number of bytes; raises click.BadParameter."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(|k|m|ki|mi)b?", text.lower())
    if found is None:
        raise click.BadParameter(f"{text!r} is no size such as 5000, 200k or 1.5MiB")
    return int(float(found[1]) * _UNITS[found[2]])


def _check_one_aim(context: click.Context, **aims: object) -> None:
    """Raise click.UsageError if several of the options that set a file's size or quality are given.

    ``aims`` are the values of all but the quality, by the options' names.
    """
    given = [name for name, value in aims.items() if value is not None and value is not False]
    if context.get_parameter_source("quality") is ParameterSource.COMMANDLINE:
        given.insert(0, "quality")
    if len(given) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in given[:2])
        raise click.UsageError(f"{first} excludes {second}")


def batch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and options of `plan` and `run`, the latter as ``options``."""

    @functools.wraps(command)
    def wrapped(
        jobs: int | None,
        skip_existing: bool,
        overwrite: bool | None,
        quiet: bool,
        verbose: bool,
        **rest: Any,
    ) -> None:
        if skip_existing and overwrite is not None:
            raise click.UsageError("--skip-existing excludes --overwrite and --no-overwrite")
        if quiet and verbose:
            raise click.UsageError("--quiet excludes --verbose")
        existing: Existing = "skip" if skip_existing else "check"
        if overwrite is not None:
            existing = "overwrite" if overwrite else "keep"
        command(options=Options(jobs, existing, int(verbose) - int(quiet)), **rest)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _write(job: Job, data: bytes) -> None:
    if job.target != STANDARD:
        if not job.named:
            make_folder(job.target.parent)
        write_file(job.target, data)
        return
    if sys.stdout.isatty():
        raise OutputError("the standard output is a terminal: give an output, or a pipe")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise OutputError(f"cannot write the standard output: {error.strerror}") from error


@dataclass(frozen=True)
class Encoding:
    """How pictures are encoded."""

    quality: float
    target: Target | None
    max_error: int | None
    weights: str
    effort: int | None
    device: str
    strip: tuple[str, ...]
    """Kinds of metadata that are left out."""
    verb = "encod"
    fatal = (MissingDeviceError, MissingPackageError, WeightsError)

    def __call__(self, job: Job, report: Report) -> Done:
        """Encode one."""
        source = picture_source(job.source)
        data, picture = self.compress(source, report)
        _write(job, data)
        read = source.stat().st_size if isinstance(source, Path) else len(source.getvalue())
        height, width = picture.pixels.shape[:2]
        return Done(read, len(data), height * width, len(data), picture.original.notes())

    def compress(self, source: Path | BinaryIO, report: Report = ignore) -> tuple[bytes, Picture]:
        """The lic file of a picture file, and what was coded of it; raises LicError."""
        import lic.cli.numpy_threads  # noqa: F401  # before all that loads NumPy
        from lic import codec
        from lic.codec.images import stripped
        from lic.codec.picture import load_picture

        picture = stripped(load_picture(source), self.strip)
        data = codec.encode(
            picture,
            self.quality,
            self.weights,
            self.effort,
            report,
            self.device,
            self.target,
            self.max_error,
        )
        return data, picture


@dataclass(frozen=True)
class Decoding:
    """How lic files are decoded."""

    kind: str
    """The suffix of the format of pictures that go to the standard output."""
    max_pixels: int
    device: str
    region: tuple[int, int, int, int] | None
    """x, y, width and height of the part that is decoded; None for all of the picture."""
    reduce: int
    """By how much it is scaled down."""
    strip: tuple[str, ...]
    """Kinds of metadata that are left out."""
    verb = "decod"
    fatal = (MissingDeviceError,)

    def __call__(self, job: Job, report: Report) -> Done:
        """Decode one."""
        import lic.cli.numpy_threads  # noqa: F401  # before all that loads NumPy
        from lic import codec
        from lic.codec.images import stripped
        from lic.codec.picture import check_picture_path, picture_bytes

        name = Path(f"picture{self.kind}") if job.target == STANDARD else job.target
        check_picture_path(name)
        data = read_lic_file(job.source, self.max_pixels)
        picture = codec.decode_picture(
            data, None, self.max_pixels, self.device, self.region, self.reduce, report
        )
        written = picture_bytes(stripped(picture, self.strip), name)
        _write(job, written)
        header = codec.read_header(data)
        return Done(len(data), len(written), header.width * header.height, len(data))


_ENCODING_OPTIONS = (
    click.option(
        "-q",
        "--quality",
        type=click.FloatRange(0, 100),
        default=DEFAULT_QUALITY,
        show_default=True,
        help="0 (smallest file) to 100 (best picture).",
    ),
    click.option(
        "--target-size", type=_size, metavar="BYTES", help="At most this size, such as 200k."
    ),
    click.option("--target-bpp", type=_POSITIVE, help="At most so many bits a pixel."),
    click.option("--target-psnr", type=_POSITIVE, help="So many dB, within 0.05."),
    click.option("--lossless", is_flag=True, help="Keep every sample as it is."),
    click.option(
        "--max-error",
        type=click.IntRange(0, 255),
        help="No sample is off by more: 1 to 3 are hardly seen, 0 is --lossless.",
    ),
    weights_id,
    weights_folder,
    click.option(
        "--effort",
        type=click.IntRange(0, 9),
        show_default=str(DEFAULT_EFFORT),
        metavar="0..9",
        help="Time spent on a smaller file: 1 takes twice as long as 0, 3 ten times, 9 takes "
        "minutes; 3 and more need torch.",
    ),
    parts.strip,
    device,
)


def encoding_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Encoding`, which it gets as ``encoding``."""

    @functools.wraps(command)
    def wrapped(
        quality: float,
        target_size: int | None,
        target_bpp: float | None,
        target_psnr: float | None,
        lossless: bool,
        max_error: int | None,
        weights: str,
        effort: int | None,
        strip: tuple[str, ...],
        device: str,
        **rest: Any,
    ) -> None:
        import lic.cli.numpy_threads  # noqa: F401  # before all that loads NumPy
        from lic.codec.targets import Target

        targets = {"target_size": target_size, "target_bpp": target_bpp, "target_psnr": target_psnr}
        bounds = {"lossless": lossless, "max_error": max_error}
        _check_one_aim(click.get_current_context(), **targets, **bounds)
        bound = 0 if lossless else max_error
        if effort and bound is not None:
            raise click.UsageError("--lossless and --max-error exclude --effort")
        aimed = any(value is not None for value in targets.values())
        target = Target(target_size, target_bpp, target_psnr) if aimed else None
        encoding = Encoding(quality, target, bound, weights, effort, device, strip)
        command(encoding=encoding, **rest)

    for option in reversed(_ENCODING_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


@click.command()
@batch_options
@encoding_options
def encode(
    arguments: tuple[Path, ...],
    output: Path | None,
    out_dir: Path | None,
    options: Options,
    encoding: Encoding,
) -> None:
    """Compress pictures: photo.png to photo.lic, beside it.

    INPUT is a picture, a folder (with all folders below it), or - for the standard input. Of two
    arguments the second is OUTPUT, - for the standard output, unless it has a picture's suffix.
    lic files are replaced; other files that exist are not, unless --overwrite is given.
    """
    naming = pictures_to_lic()
    run(encoding, plan(arguments, naming, output, out_dir), naming, options)


def pictures_to_lic() -> Naming:
    """What `lic encode` reads and writes."""
    from lic.codec.picture import SUFFIXES

    return Naming("picture", SUFFIXES, ".lic", MAGIC)


@click.command()
@batch_options
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default="png",
    show_default=True,
    help="The format of pictures whose name is not given.",
)
@parts.region
@parts.reduce
@parts.strip
@max_pixels
@weights_folder
@device
def decode(
    arguments: tuple[Path, ...],
    output: Path | None,
    out_dir: Path | None,
    options: Options,
    kind: str,
    region: tuple[int, int, int, int] | None,
    reduce: int,
    strip: tuple[str, ...],
    max_pixels: int,
    device: str,
) -> None:
    """Decompress lic files: photo.lic to photo.png, beside it.

    INPUT is a file, a folder (for all lic files below it), or - for the standard input. Of two
    arguments the second is OUTPUT, - for the standard output, unless it ends with .lic; its suffix
    names the format: PNG, JPEG, WebP, AVIF, TIFF, PPM or BMP. Pictures whose name is not given
    replace no file, unless --overwrite is given.
    """
    naming = Naming("lic file", (".lic",), f".{kind}", None)
    work = Decoding(naming.target, max_pixels, device, region, reduce, strip)
    run(work, plan(arguments, naming, output, out_dir), naming, options)
