"""The sizes of a deployable network, block by block, and how far its transforms see."""

from __future__ import annotations

from dataclasses import dataclass

from lic.models.deployable.context import STEPS
from lic.models.deployable.transforms import BlockShape

STAGES = ("analysis", "analysis_latent", "synthesis_latent", "synthesis", "context")
KERNELS = (3, 5, 7)


@dataclass(frozen=True)
class DeployableConfig:
    """Sizes of the network. Channels: `width` at 1/8, `latents` at 1/16, `hyper` at 1/64.

    A stage is a row of token-mixing blocks. Its kernels and expansions are one value for all blocks
    or one for each: the side of a block's depthwise convolution, and the width of its channel
    branch in units of the block's.

    Raises
    ------
    ValueError
        If the sizes do not go together.
    """

    width: int = 128
    latents: int = 256
    hyper: int = 96
    hyper_width: int = 128
    features: int = 192
    context_width: int = 192
    context_steps: int = 4
    """In how many steps latents see each other: 4, in pairs 2, or not at all 1."""
    analysis_depth: int = 2
    """Blocks of the analysis at 1/8."""
    analysis_kernels: tuple[int, ...] = (3,)
    analysis_expansions: tuple[float, ...] = (1.0,)
    analysis_latent_depth: int = 1
    """Blocks of the analysis at 1/16."""
    analysis_latent_kernels: tuple[int, ...] = (3,)
    analysis_latent_expansions: tuple[float, ...] = (1.0,)
    synthesis_latent_depth: int = 1
    """Blocks of the synthesis at 1/16."""
    synthesis_latent_kernels: tuple[int, ...] = (3,)
    synthesis_latent_expansions: tuple[float, ...] = (1.0,)
    synthesis_depth: int = 4
    """Blocks of the synthesis at 1/8."""
    synthesis_kernels: tuple[int, ...] = (3,)
    synthesis_expansions: tuple[float, ...] = (1.0,)
    context_depth: int = 1
    """Blocks of each context step."""
    context_kernels: tuple[int, ...] = (3,)
    context_expansions: tuple[float, ...] = (2.0,)
    correction: bool = False
    """Whether the features correct the decoded latents before the synthesis."""
    components: int = 3
    levels: int = 8
    """Quality levels with gains of their own; between them, gains are interpolated."""
    lambda_min: float = 0.0008
    lambda_max: float = 0.15

    def __post_init__(self) -> None:
        if self.latents % STEPS or not 0 < self.latents <= 4 * min(self.width, 192):
            raise ValueError("latents must be a multiple of 4, up to 4 width and 768")
        if self.components not in (1, 2, 3, 4):
            raise ValueError("components must be 1 to 4")
        if self.context_steps not in (1, 2, 4):
            raise ValueError("context_steps must be 1, 2 or 4")
        for stage in STAGES:
            if getattr(self, f"{stage}_depth") < 0:
                raise ValueError(f"{stage}_depth must not be negative")
            for name, valid, what in (
                ("kernels", lambda kernel: kernel in KERNELS, "3, 5 or 7"),
                ("expansions", lambda expansion: expansion > 0, "above 0"),
            ):
                values = tuple(getattr(self, f"{stage}_{name}"))  # JSON gives a list
                object.__setattr__(self, f"{stage}_{name}", values)
                if len(values) not in (1, getattr(self, f"{stage}_depth")):
                    raise ValueError(f"{stage}_{name} must be one value, or one for each block")
                if not all(map(valid, values)):
                    raise ValueError(f"{stage}_{name} must be {what}")

    def blocks(self, stage: str) -> tuple[BlockShape, ...]:
        """The shapes of a stage's blocks; ``stage`` is one of STAGES."""
        depth = getattr(self, f"{stage}_depth")
        kernels, expansions = (
            values if len(values) == depth else values * depth
            for values in (getattr(self, f"{stage}_kernels"), getattr(self, f"{stage}_expansions"))
        )
        return tuple(map(BlockShape, kernels, expansions))

    @property
    def halo(self) -> int:
        """The number of latents around a region that the transforms of the region depend on."""

        def reach(stage: str) -> int:
            return sum(shape.kernel // 2 for shape in self.blocks(stage))

        # A block at 1/8 reaches half as far, in latents, as one at 1/16.
        return max(
            reach(f"{side}_latent") + -(-reach(side) // 2) for side in ("analysis", "synthesis")
        )
