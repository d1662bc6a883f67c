"""Options that ask for less than a whole picture with all that it carries."""

from __future__ import annotations

import click

from lic.codec.metadata import KINDS

_SCALES = {"1": 1, "1/2": 2, "1/4": 4, "1/8": 8}


def _region(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[int, int, int, int] | None:
    if value is None:
        return None
    try:
        x, y, width, height = (int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter("must be four integers with commas between them") from error
    return x, y, width, height


region = click.option(
    "--region",
    metavar="X,Y,W,H",
    callback=_region,
    help="Decode this part only: its upper left pixel, its width and height.",
)
reduce = click.option(
    "--scale",
    "reduce",
    type=click.Choice(list(_SCALES)),
    callback=lambda _, __, value: _SCALES[value],
    default="1",
    show_default=True,
    help="Scale the picture, or the region of it, down.",
)
strip = click.option(
    "--strip",
    multiple=True,
    type=click.Choice(["all", *KINDS]),
    callback=lambda _, __, value: KINDS if "all" in value else value,
    help="Leave metadata out; may be repeated. Without their ICC profile, colours become sRGB.",
)
