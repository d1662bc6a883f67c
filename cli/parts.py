"""Options that ask for a part of a picture."""

from __future__ import annotations

import click

SCALES = {"1": 1, "1/2": 2, "1/4": 4, "1/8": 8}
"""By how much a picture is reduced in each direction."""


class Region(click.ParamType):
    """Four integers with commas between them, to a tuple (x, y, width, height)."""

    name = "x,y,w,h"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The numbers; whether they fit the picture is seen when it is known."""
        try:
            x, y, width, height = (int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not four integers with commas between them", param, ctx)
        return x, y, width, height
