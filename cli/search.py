"""`lic search`: operations and bits of a network's blocks that cost less."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lic.cli.weights import weights_folder
from lic.codec.errors import extra
from lic.quantization.search.options import COSTS, METHODS


def _listed(
    kind: Callable[[str], Any], wanted: str
) -> Callable[[click.Context, click.Parameter, str], tuple[Any, ...]]:
    """A callback that reads values with commas between them; ``wanted`` says what they must be."""

    def read(context: click.Context, option: click.Parameter, text: str) -> tuple[Any, ...]:
        try:
            return tuple(map(kind, text.split(",")))
        except ValueError as error:
            raise click.BadParameter(wanted) from error

    return read


def _penalty(text: str) -> float:
    penalty = float(text)
    if not 0 <= penalty < math.inf:
        raise ValueError(f"{text} is no penalty")
    return penalty


_bits = _listed(int, "numbers with commas between them, such as 4,6,8")
_penalties = _listed(_penalty, "numbers from 0 with commas between them, such as 0.3,1,3")


@click.command()
@click.argument("source", metavar="ID")
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The search's folder.")
@click.option("--method", type=click.Choice(METHODS), default="evolution", show_default=True)
@click.option(
    "--cost",
    type=click.Choice(COSTS),
    default="bitops",
    show_default=True,
    help="Milliseconds are those of this machine.",
)
@click.option("--limit", type=click.FloatRange(0, 1), help="Cost, as a fraction of the largest's.")
@click.option("--evaluations", type=click.IntRange(1), default=600, show_default=True)
@click.option(
    "--steps",
    "supernet_steps",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Training of the weights that all architectures share; they begin as those of ID.",
)
@click.option("--weight-bits", default="4,6,8,12", show_default=True, callback=_bits)
@click.option("--activation-bits", default="8,12,16", show_default=True, callback=_bits)
@click.option("--bits-only", is_flag=True, help="Keep kernels, expansions and blocks.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--no-noise", is_flag=True, help="QuantNAS without quantization noise.")
@click.option("--entropy", type=click.FloatRange(0), default=0.02, show_default=True)
@click.option(
    "--penalties",
    default="0.3,1,3,10",
    show_default=True,
    callback=_penalties,
    help="QuantNAS's weights of the cost, each in a search of its own.",
)
@click.option("--max-w", is_flag=True, help="QuantNAS with sharpDARTS's Max-W.")
@weights_folder
def search(
    source: str,
    folders: tuple[Path, ...],
    out: Path,
    bits_only: bool,
    no_noise: bool,
    limit: float | None,
    **options: Any,
) -> None:
    """Search what each block of the float weights ID needs: kernel, expansion, presence, bits.

    Pictures below FOLDERS calibrate the network, and one in twenty of them, which nothing is
    trained on, tell how good an architecture is. OUT gets the front of the best ones: `lic quantize
    ID --bits OUT/architecture-N.json` makes weights of one. A search that was interrupted goes on
    if it is begun once more.
    """
    with extra("torch", "training"):
        from lic.quantization.search.run import SearchRun, SearchSettings

    settings = SearchSettings(
        source=source,
        folders=tuple(str(folder.resolve()) for folder in folders),
        shapes=not bits_only,
        noise=not no_noise,
        limit=limit or 0.0,
        **options,
    )
    rated = SearchRun(settings, out, lambda text: click.echo(text, err=True)).run()
    click.echo(f"{out / 'front.json'}: of {len(rated)} architectures")
