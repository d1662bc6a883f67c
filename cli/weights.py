"""How commands are told which weights to use: by an id, or by a folder that holds some."""

from __future__ import annotations

from pathlib import Path

import click

from lic.codec.manifest import MANIFEST, use_folder


def weights_id(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Callback of an option: an id as it is; of a folder of weights, the newest id in it.

    The folder, which must have a manifest, is looked in from then on.
    """
    return use_folder(Path(value)) if value and (Path(value) / MANIFEST).is_file() else value


def weights_ids(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> list[str | None]:
    """As `weights_id`, for an option that may be given several times."""
    return [weights_id(context, parameter, value) for value in values]


def _use(_: click.Context, __: click.Parameter, value: Path | None) -> None:
    if value is not None:
        use_folder(value)


weights_folder = click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    callback=_use,
    expose_value=False,
    help="A folder of weights to look in first, as in LIC_WEIGHTS.",
)
