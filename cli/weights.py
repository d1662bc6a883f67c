"""The two options that tell commands which weights to use.

``--weights ID`` names weights. ``--weights-folder FOLDER`` is where to look for ids first, before
LIC_WEIGHTS and the package; its newest weights are then the default of ``--weights``.
"""

from __future__ import annotations

from pathlib import Path

import click

from lic.codec import DEFAULT_WEIGHTS
from lic.codec.manifest import use_folder

_NEWEST = "lic.newest_weights"


def _use(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[_NEWEST] = use_folder(value)


def _id(context: click.Context, _: click.Parameter, value: str | None) -> str:
    return value or str(context.meta.get(_NEWEST, DEFAULT_WEIGHTS))


def _ids(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    return values or (_id(context, parameter, None),)


weights_folder = click.option(
    "--weights-folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    is_eager=True,  # the default of --weights depends on it
    callback=_use,
    expose_value=False,
    help="Look for weights in this folder first.",
)
weights_id = click.option(
    "--weights",
    metavar="ID",
    callback=_id,
    help=f"An id of `lic models`.  [default: the folder's newest, or {DEFAULT_WEIGHTS}]",
)
weights_ids = click.option(
    "--weights",
    metavar="ID",
    multiple=True,
    callback=_ids,
    help="As for encode; may be given several times.",
)
