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
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lic.codec.container import Header
from lic.codec.executors import Executor, Latents
from lic.codec.executors.torch import channels_first
from lic.codec.gradients import Gradients, gradients_of
from lic.codec.latent_coding import CodedTile, encode_latents
from lic.codec.layering import squared_error
from lic.codec.pixels import Pixels
from lic.codec.progress import Report
from lic.codec.refinement import corrected_targets
from lic.codec.tiling import Region
from lic.entropy_coding import MEAN_UNIT
from lic.integer_networks.codec_network import LATENT_STRIDE
from lic.models.mixture import Mixture

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
    """The picture there, (1, 3, H, W) in 0..255; it may end before ``seen`` does."""

    def distortion(self, network: Gradients, tile: Tensor) -> Tensor:
        """Squared 8-bit errors, averaged over colours and summed over pixels, of a tile's latents.

        ``tile`` (1, M, h, w) takes the place of the core.
        """
        latents = self.latents.clone()
        latents[(..., *self.core.slices)] = tile
        shown = network.synthesis(latents)[(..., *self.seen.scaled_up(LATENT_STRIDE).slices)]
        height, width = self.pixels.shape[2:]
        error: Tensor = (shown[..., :height, :width] - self.pixels).square().sum() / 3
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
    network: Gradients,
    sight: Sight,
    y: Tensor,
    z: Tensor,
    skip_below: int,
    iterations: int,
    report: Callable[[], None],
) -> tuple[Tensor, Tensor]:
    """Latents y (1, M, 4h, 4w) and side information z (1, Z, h, w) of a tile, moved on.

    ``y`` is in quantization steps. ``report`` is called after every iteration.
    """
    generator = torch.Generator().manual_seed(_SEED)
    scaled = y.clone().requires_grad_()
    side = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([{"params": [scaled]}, {"params": [side]}])

    def relaxed_cost(pace: Pace) -> Tensor:
        """R + lambda D, in bits, of one relaxed choice of all symbols."""
        draws = generator if pace.random else None
        rounded = soft_round(side, pace.temperature, draws)
        bits = [network.side_bits(rounded)]

        def quantise(step: int, mixture: Mixture) -> Tensor:
            residual = network.gather(scaled, step) - mixture.centre
            worth = mixture.scale_indices().max(axis=1) >= skip_below
            coded = torch.from_numpy(worth).view_as(residual)
            symbols = mixture.select(soft_round(residual, pace.temperature, draws)) * coded
            bits.append(-(mixture.likelihood(symbols).log2() * coded).sum())
            return symbols + mixture.centre

        error = sight.distortion(network, network.path(rounded, quantise))
        return torch.stack(bits).sum() + network.trade_off * error

    for pace in schedule(iterations):
        rates = (pace.learning_rate, pace.side_rate)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        relaxed_cost(pace).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report()
    return scaled.detach(), side.detach()


@dataclass(frozen=True)
class _Picture:
    """A picture that is being annealed, and what it decodes to so far."""

    pixels: Pixels
    """(height, width, 3)."""
    executor: Executor
    quality: int
    plane: Latents
    """Decoded latents (rows, columns, M) of all tiles."""

    def error(self, region: Region) -> float:
        """Squared 8-bit errors, averaged over colours and summed over pixels, in a region.

        ``region`` is in latents.
        """
        outer = region.grown(self.executor.halo, *self.plane.shape[:2])
        shown = self.executor.synthesise(self.plane[outer.slices][None], self.quality)[0]
        shown = shown[region.within(outer).scaled_up(LATENT_STRIDE).slices]
        wanted = self.pixels[region.scaled_up(LATENT_STRIDE).slices]
        return squared_error(wanted, shown[: wanted.shape[0], : wanted.shape[1]]) / 3

    def latents(self, region: Region) -> Tensor:
        """The decoded latents of a region, (1, M, h, w)."""
        return channels_first(self.plane[region.slices][None]).float()


def improve(
    executor: Executor,
    pixels: Pixels,
    tiles: list[CodedTile],
    header: Header,
    iterations: int,
    report: Report,
) -> list[CodedTile]:
    """Anneal each of the tiles of a picture (height, width, 3), for so many iterations.

    A tile's new stream is taken if it lowers R + lambda D of the whole picture, by the stream's
    real bits and the decoded 8-bit picture's real error; else the old one is kept. ``report`` takes
    numbers of iterations.
    """
    network, halo = gradients_of(executor, header.quality), executor.halo
    regions = [tile.region.scaled_down(LATENT_STRIDE) for tile in tiles]
    rows, columns = regions[-1].bottom, regions[-1].right
    plane: Latents = np.empty((rows, columns, executor.latents), executor.latent_type)
    for region, tile in zip(regions, tiles, strict=True):
        plane[region.slices] = tile.decoded
    picture = _Picture(pixels, executor, header.quality, plane)
    total, done = iterations * len(tiles), 0
    found = []

    def count() -> None:
        nonlocal done
        done += 1
        report(done, total)

    for region, tile in zip(regions, tiles, strict=True):
        seen = region.grown(halo, rows, columns)
        outer = region.grown(2 * halo, rows, columns)
        part = torch.from_numpy(pixels[seen.scaled_up(LATENT_STRIDE).slices].astype(np.float32))
        sight = Sight(
            picture.latents(outer),
            region.within(outer),
            seen.within(outer),
            part.permute(2, 0, 1)[None],
        )
        wanted = corrected_targets(executor, tile.latents, header.quality, tile.correction)
        y = channels_first(wanted * MEAN_UNIT).float()
        z = network.side(channels_first(tile.latents[None]).float())
        y, z = anneal(network, sight, y, z, header.skip_below, iterations, count)
        targets = (y / MEAN_UNIT).round().long().permute(0, 2, 3, 1).numpy()
        side = z.round().int().permute(0, 2, 3, 1).numpy()
        (stream,), decoded = encode_latents(
            executor, targets, side, header.quality, header.skip_below
        )
        before = 8 * len(tile.stream) + network.trade_off * picture.error(seen)
        plane[region.slices] = decoded[0]
        after = 8 * len(stream) + network.trade_off * picture.error(seen)
        better = after < before
        annealed = replace(tile, side=side[0], stream=stream, decoded=decoded[0])
        found.append(annealed if better else tile)
        plane[region.slices] = found[-1].decoded
    return found
