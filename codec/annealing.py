"""Annealing: the encoder optimises the latents of one picture by gradient descent.

The analysis transform predicts latents for any picture. Annealing starts from them, and minimises
the cost R + lambda D of one picture. Rounding is relaxed to a mixture of the two integers around a
value; as the temperature falls, the mixture comes close to one of them. The first iterations of a
short run take the mixture's mean, whose gradient has no noise: they bring most of the gain that is
possible in a few seconds. All other iterations draw one of the two integers at random, which is
stochastic Gumbel annealing (Yang, Bamler and Mandt 2020, arXiv 2006.04240; MLICv2+ is MLICv2 with
it). Without the draws, the latents of a long run stay between the integers. The decoder does not
change. Use annealing where a file is encoded once and decoded often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lic.codec.pixels import Pixels
from lic.codec.runtime import TorchRuntime
from lic.codec.tiling import Region
from lic.models import CodecModel
from lic.models.latent_coding import worth_coding
from lic.models.mixture import Mixture

Report = Callable[[int, int], None]
"""Takes the numbers of iterations that are done, and of all."""

_SEED = 0
_CLIP = 1 - 1e-5
_SMOOTH_ITERATIONS = 10
# From so many iterations on, draws from the start gain more than smooth iterations before them.
_LONG_RUN = 50


@dataclass(frozen=True)
class Pace:
    """The settings of one iteration."""

    learning_rate: float
    """Adam's, in quantization steps."""
    side_rate: float
    """The same for the side information."""
    temperature: float
    random: bool
    """Whether one of two integers is drawn, or their mean is taken."""


def schedule(iterations: int) -> Iterator[Pace]:
    """The paces of so many iterations.

    Short runs begin with up to ten smooth iterations, which lead a tenth of a step away, however
    many they are; draws follow. Long runs draw from the start, at a rate that short ones have no
    time to recover from.
    """
    if iterations >= _LONG_RUN:
        for i in range(iterations):
            temperature = 0.5 * min(1.0, math.exp(0.7 - 2 * i / iterations))
            yield Pace(0.01, 0.01, temperature, random=True)
        return
    smooth = min(iterations, _SMOOTH_ITERATIONS)
    drawn = iterations - smooth
    for i in range(smooth):
        rate = min(0.1 / smooth, 0.02)
        yield Pace(rate, 3 * rate, _between(1.0, 0.3, i, smooth), random=False)
    for i in range(drawn):
        rate = 0.002 + 0.001 * min(20 / drawn, 1)
        yield Pace(rate, 3 * rate, _between(0.3, 0.1, i, drawn), random=True)


def _between(first: float, last: float, index: int, count: int) -> float:
    """The value at ``index`` of ``count`` that go geometrically from ``first`` to ``last``."""
    return float(first * (last / first) ** (index / max(count - 1, 1)))


@dataclass(frozen=True)
class Sight:
    """The region of a picture that a tile's latents influence, and all other data it depends on."""

    latents: Tensor
    """The decoded latents (1, M, h, w) of the tile and of two halos around it."""
    core: Region
    """The tile in ``latents``."""
    seen: Region
    """The tile and one halo, in ``latents``: the region that the tile's latents influence."""
    pixels: Tensor
    """The picture there, (1, 3, H, W) in 0..1; it may end before ``seen`` does."""

    def distortion(
        self, model: CodecModel, tile: Tensor, quality: Tensor, rounded: bool = False
    ) -> Tensor:
        """Squared 8-bit errors, averaged over colours and summed over pixels, of a tile's latents.

        ``tile`` (1, M, h, w) takes the place of the core. ``rounded``: with pixels in whole levels,
        as files decode to.
        """
        latents = self.latents.clone()
        latents[(..., *self.core.slices)] = tile
        x_hat = model.synthesis(latents, quality)
        height, width = self.pixels.shape[2:]
        seen = x_hat[(..., *self.seen.scaled_up(model.latent_stride).slices)]
        part = 255 * seen[..., :height, :width].clamp(0, 1)
        if rounded:
            part = part.round()
        error: Tensor = (part - 255 * self.pixels).square().sum() / 3
        return error


def soft_round(
    values: Tensor, temperature: float, generator: torch.Generator | None = None
) -> Tensor:
    """A relaxed choice between the integers below and above each value.

    The nearer integer is the likelier: logits are -atanh(distance) / temperature. With a generator
    the choice is random: between two, the difference of two Gumbel variables is a logistic one.
    Without, it is the same but for that noise.
    """
    low = values.detach().floor()
    above = values - low
    nearness = torch.atanh(above.clamp(max=_CLIP)) - torch.atanh((1 - above).clamp(max=_CLIP))
    logits = nearness / temperature
    if generator is not None:
        uniform = torch.rand(values.shape, generator=generator)
        logits = logits + uniform.clamp(1e-6, _CLIP).logit()
    return low + torch.sigmoid(logits / temperature)


def anneal(
    model: CodecModel,
    sight: Sight,
    y: Tensor,
    z: Tensor,
    quality: Tensor,
    skip_below: int,
    iterations: int,
    report: Callable[[], None],
) -> tuple[Tensor, Tensor]:
    """Latents y (1, M, 4h, 4w) and side information z (1, Z, h, w) of a tile, moved on.

    ``model`` is not trained further; ``quality`` (1,) is in [0, 1]. ``report`` is called after
    every iteration.
    """
    generator = torch.Generator().manual_seed(_SEED)
    path = model.entropy
    gain = path.latent_gain(quality)
    scaled = (y * gain).requires_grad_()
    side = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([{"params": [scaled]}, {"params": [side]}])

    def relaxed_cost(pace: Pace) -> Tensor:
        """R + lambda D, in bits, of one relaxed choice of all symbols."""
        draws = generator if pace.random else None
        rounded = soft_round(side, pace.temperature, draws)
        bits = [-model.side.likelihood(rounded, quality).log2().sum()]

        def quantise(step: int, mixture: Mixture) -> Tensor:
            residual = path.gather(scaled, step) - mixture.centre
            mask = worth_coding(mixture, mixture.scale_indices(), skip_below)
            coded = torch.from_numpy(mask).view_as(residual)
            symbols = mixture.select(soft_round(residual, pace.temperature, draws)) * coded
            bits.append(-(mixture.likelihood(symbols).log2() * coded).sum())
            return symbols + mixture.centre

        error = sight.distortion(model, path(rounded, quality, quantise), quality)
        return torch.stack(bits).sum() + model.lambda_at(quality)[0] * error

    for pace in schedule(iterations):
        rates = (pace.learning_rate, pace.side_rate)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        relaxed_cost(pace).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report()
    return (scaled / gain).detach(), side.detach()


@dataclass
class CodedTile:
    """A tile as the encoder has it; annealing replaces what it improves."""

    region: Region
    """Its place in the padded picture, in pixels."""
    analysed: Tensor
    """Latents (1, M, h, w) by the analysis."""
    stream: bytes
    decoded: Tensor
    """Latents that the stream decodes to."""


def improve(
    runtime: TorchRuntime,
    pixels: Pixels,
    tiles: list[CodedTile],
    quality: float,
    skip_below: int,
    iterations: int,
    report: Report,
) -> None:
    """Anneal each of the tiles of a picture (height, width, 3), for so many iterations.

    A tile's new stream is taken if it lowers R + lambda D of the whole picture, by the stream's
    real bits and the decoded 8-bit picture's real error; else the old one is kept.
    """
    model, latent_stride = runtime.model, runtime.stride
    regions = [tile.region.scaled_down(latent_stride) for tile in tiles]
    rows, columns = regions[-1].bottom, regions[-1].right
    plane = torch.empty(1, runtime.latents, rows, columns)
    for region, tile in zip(regions, tiles, strict=True):
        plane[(..., *region.slices)] = tile.decoded
    qualities = torch.tensor([quality], dtype=torch.float32)
    trade_off = model.lambda_at(qualities)
    total, done = iterations * len(tiles), 0

    def count() -> None:
        nonlocal done
        done += 1
        report(done, total)

    for region, tile in zip(regions, tiles, strict=True):
        seen = region.grown(runtime.halo, rows, columns)
        outer = region.grown(2 * runtime.halo, rows, columns)
        part = torch.from_numpy(
            pixels[seen.scaled_up(latent_stride).slices].astype(np.float32) / 255
        )
        sight = Sight(
            plane[(..., *outer.slices)].clone(),
            region.within(outer),
            seen.within(outer),
            part.permute(2, 0, 1)[None],
        )
        # Copies, since gradients cannot flow to what was made in inference mode.
        y, z = tile.analysed.clone(), runtime.side_information(tile.analysed, quality).clone()
        y, z = anneal(model, sight, y, z, qualities, skip_below, iterations, count)
        stream, decoded = runtime.code(y, z, quality, skip_below)
        with torch.inference_mode():
            before, after = (
                8 * len(data)
                + float(trade_off * sight.distortion(model, it, qualities, rounded=True))
                for data, it in ((tile.stream, tile.decoded), (stream, decoded))
            )
        if after < before:
            tile.stream, tile.decoded = stream, decoded
            plane[(..., *region.slices)] = decoded
