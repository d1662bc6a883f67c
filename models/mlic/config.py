"""The sizes of an MLICv2 network, and which of its modules it has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MlicConfig:
    """Sizes and modules; the defaults are the paper's network, for all rates at once.

    The paper's one-lambda mode is ``levels=1`` with ``lambda_min`` equal to ``lambda_max``. A
    module set to False is left out: an ablation varies that. Without STM, HGCP, reweighting,
    rotary positions and selection it is MLIC++, but for its window attention (`LocalContext`) and
    the skips of its stride blocks (`StrideBlock`).

    Raises
    ------
    ValueError
        If the latents cannot be cut into slices of an equal, suitable size; or a size is not
        above 0.
    """

    widths: tuple[int, int, int] = (192, 192, 192)
    """Channels of the transforms at 1/2, 1/4 and 1/8 of the resolution."""
    latents: int = 320
    slices: int = 10
    hyper: int = 192
    """Channels of the side information, and of the hyper analysis."""
    components: int = 1
    """Gaussians in a latent's mixture: 1 as in the paper, up to 4."""
    expansion: float = 0.75
    """Width of the gates in token mixing, in units of the block's. With the default, the number of
    operations is the paper's."""
    head_width: float = 1.0
    """Widths inside the parameter heads and the latent residual prediction, the path's largest
    parts, in units of the paper's."""
    token_mixing: bool = True
    """STM blocks in the transforms; else MLIC++'s residual blocks."""
    channel_context: bool = True
    local_context: bool = True
    inter_slice: bool = True
    intra_slice: bool = True
    hyperprior_guided: bool = True
    """Global correlation prediction for the first slice (HGCP)."""
    reweighting: bool = True
    """Channel reweighting of the global contexts."""
    rotary: bool = True
    """2D rotary positions in all attention."""
    residual_prediction: bool = True
    selective: bool = True
    """Guided selective compression; it has an effect after its own training stage."""
    levels: int = 8
    """Quality levels with gains of their own; between them, gains are interpolated."""
    lambda_min: float = 0.0008
    lambda_max: float = 0.15

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON gives a list
        sizes = (*self.widths, self.latents, self.slices, self.hyper, self.levels)
        if min(sizes) < 1 or min(self.expansion, self.head_width) <= 0:
            raise ValueError("sizes must be above 0")
        if self.latents % (4 * self.slices):
            raise ValueError("a slice's channels must be a multiple of 4")
        if self.components not in (1, 2, 3, 4):
            raise ValueError("components must be 1 to 4")

    @property
    def slice_size(self) -> int:
        """Channels of a slice, S."""
        return self.latents // self.slices
