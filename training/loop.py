"""The training loop: one variable-rate network, from start to the last step of its budget.

The learning rate warms up over some steps, then falls to zero over exactly the budget, given in
minutes or in steps. The weights that count are an exponential moving average.

Everything random in a step follows from the seed, the process and the step's number, so that a run
which was interrupted and resumed goes the way it would have gone: with a budget in steps, on the
CPU, bit for bit. Several processes (torchrun) each take their own crops; DistributedDataParallel
averages their gradients.

A network with a second stage (`CodecModel.second_stage_loss`) learns it in the last part of the
budget, from the averaged weights of the first, with a learning rate that falls once more.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lic.models import CodecModel, full_config
from lic.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from lic.training.config import TrainingConfig
from lic.training.data import CropDataset, recoloured
from lic.training.errors import TrainingError, TrainingInterruptedError
from lic.training.losses import distortion, rate_distortion_loss
from lic.training.optimizer import falling, optimizer
from lic.training.processes import leads
from lic.training.validation import RatePoint, validate

_HISTORY_ROWS = 400
_MOST_BAD_STEPS = 100
# The average of the weights takes every so many steps' into account: as good, and it costs less.
_AVERAGED_STEPS = 4


class Observer:
    """Who is told how a training goes, in the first process only; this one does nothing of it."""

    def on_step(self, state: TrainingState, fraction: float) -> None:
        """After a step; ``fraction`` of the budget is spent."""

    def on_history(self, row: Sequence[float]) -> None:
        """After a new row of the state's history."""

    def on_validation(self, step: int, points: Sequence[RatePoint], model: CodecModel) -> None:
        """After a validation; ``model`` has the averaged weights, in evaluation mode."""


class _SecondStage(nn.Module):
    """The loss of a model's second stage as a forward pass, which DistributedDataParallel wraps."""

    def __init__(self, model: CodecModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        return self.model.second_stage_loss(x, quality)


@dataclass
class _Step:
    """What a step gave, averaged over the processes."""

    loss: float
    bpp: float
    """Not a number in the second stage, as the squared error."""
    mse: float
    norm: float
    fraction: float
    """How much of the budget was spent."""
    stops: bool
    """Whether any process was asked to stop."""


class Trainer:
    """A training run in a folder, which holds the checkpoint to resume from.

    Parameters
    ----------
    model_name, model
        The network, and the name of its registered class; initialised here if the settings say so.
    config
        The settings and the budget.
    dataset
        Where crops come from.
    held_out
        Pictures (1, 3, H, W; uint8) to validate on, H and W multiples of 64; may be empty.
    out
        The run's folder.
    device
        Where to train.
    """

    def __init__(
        self,
        model_name: str,
        model: CodecModel,
        config: TrainingConfig,
        dataset: CropDataset,
        held_out: Sequence[Tensor],
        out: Path,
        device: torch.device,
    ) -> None:
        self.model_name = model_name
        self.model = model
        self.config = config
        self.dataset = dataset
        self.held_out = held_out
        self.out = out
        self.device = device
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.stopping = False
        """Set from outside (a signal) to end the run after the step at hand."""
        self.progress = TrainingState()
        self.distortion = distortion(config)
        self._seed_step()
        if config.linear_start and not config.init:
            crops = dataset.batch(256, 64)
            model.initialise((crops * 255).round().to(torch.uint8).cpu())
        model.reset_second_stage()
        model.to(device)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(model).eval()
        if config.compile:
            model.compile(mode=config.compile, dynamic=False)
        self._begin(1)
        self.averaged.load_state_dict(model.state_dict())  # all begin as the first process does
        # The tensors are updated in place: the lists stay good.
        self._weights = list(model.state_dict().values())
        self._averages = list(self.averaged.state_dict().values())

    def _begin(self, stage: int) -> None:
        """Set up a stage: what it trains, the pass that the processes share, its optimizer."""
        config, model = self.config, self.model
        second = {id(parameter) for parameter in model.second_stage_parameters()}
        for parameter in model.parameters():
            parameter.grad = None
            parameter.requires_grad_((id(parameter) in second) == (stage == 2))
        self.first_part = 1 - config.second_stage if second else 1.0
        self.network: nn.Module = _SecondStage(model) if stage == 2 else model
        if dist.is_initialized():
            index = [self.device.index] if self.device.type == "cuda" else None
            self.network = DistributedDataParallel(
                self.network, device_ids=index, gradient_as_bucket_view=True
            )
        self.network.train()
        self.optimizer = optimizer(model, config)

    def _seed_step(self) -> None:
        """Draw what no other process and no other step draws."""
        entropy = np.random.SeedSequence([self.config.seed, self.rank, self.progress.step])
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))

    def resume(self) -> None:
        """Continue from the run's last checkpoint; raises TrainingError as `restore`."""
        self.restore(load_checkpoint(self.out, self.device))

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of a checkpoint or of a snapshot.

        A snapshot has no optimizer's state: the moments begin anew, with another warm-up.

        Raises
        ------
        TrainingError
            If it is of another network.
        """
        if state["model_config"] != full_config(self.model):
            raise TrainingError(f"the run in {self.out} is of another network")
        try:
            self.model.load_state_dict(state["model"])
            self.averaged.load_state_dict(state["ema"])
            self.progress = TrainingState(**state["progress"])
            if self.progress.stage == 2 and self.spent() < self.first_part:
                self._return_to_first_stage()
                return
            self._begin(self.progress.stage)
            if state["optimizer"] is None:
                self.progress.moments_start = self.progress.step
                return
            settings = [(g["weight_decay"], g["factor"]) for g in self.optimizer.param_groups]
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(f"the saved state does not fit: {error}") from error
        for group, (decay, factor) in zip(self.optimizer.param_groups, settings, strict=True):
            group["weight_decay"], group["factor"] = decay, factor

    def save(self) -> None:
        """Write the checkpoint; raises TrainingError if that is impossible."""
        save_checkpoint(
            self.out,
            {
                "model_name": self.model_name,
                "model_config": full_config(self.model),
                "training": asdict(self.config),
                "model": self.model.state_dict(),
                "ema": self.averaged.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "progress": asdict(self.progress),
            },
        )

    def spent(self) -> float:
        """How much of the budget is spent by this process's clock or steps, 0 to 1."""
        if self.config.steps:
            return min(self.progress.step / self.config.steps, 1.0)
        return min(self.progress.seconds / (60 * self.config.minutes), 1.0)

    def run(self, observer: Observer) -> None:
        """Train to the end of the budget.

        Raises
        ------
        TrainingError
            After 100 bad steps in a row; the last checkpoint is then still a good one.
        TrainingInterruptedError
            If ``stopping`` was set; the checkpoint is of the last step.
        """
        config, progress = self.config, self.progress
        last = saved = time.monotonic()
        bad = 0
        fraction = told = self.spent()
        while fraction < 1:
            if progress.stage == 1 and fraction >= self.first_part:
                self._begin_second_stage(observer)
                bad = 0
            step = self._step(fraction)
            good = self._update(step, fraction)
            now = time.monotonic()
            progress.seconds += now - last
            last = now
            fraction = self.spent() if config.steps else step.fraction
            bad = 0 if good else bad + 1
            if bad >= _MOST_BAD_STEPS:
                raise TrainingError(
                    f"the training diverged: {bad} bad steps in a row up to step {progress.step}"
                )
            if leads() and good:
                self._tell(observer, told, fraction)
                told = fraction
                if now - saved > config.checkpoint_seconds:
                    self.save()
                    saved = now
            if step.stops:
                if leads():
                    self.save()
                raise TrainingInterruptedError(
                    f"stopped at step {progress.step}, {100 * fraction:.0f} % of the budget; "
                    f"continue with: lic train --resume --out {self.out}"
                )
        self._average(progress.step % _AVERAGED_STEPS)
        if leads():
            self.save()

    def _begin_second_stage(self, observer: Observer) -> None:
        """Go on with the averaged weights, which are those that count."""
        self._average(self.progress.step % _AVERAGED_STEPS)
        self.model.load_state_dict(self.averaged.state_dict())
        if leads():
            self._validate(observer)
        self._enter(2)

    def _return_to_first_stage(self) -> None:
        """In a run whose budget was raised after its second stage had begun."""
        self.model.reset_second_stage()
        self.averaged.reset_second_stage()
        self._enter(1)

    def _enter(self, stage: int) -> None:
        progress = self.progress
        progress.stage, progress.stage_start, progress.norm = stage, progress.step, math.inf
        self._begin(stage)

    def _stage_fraction(self, fraction: float) -> float:
        """How much of the stage's part of the budget is spent."""
        if self.progress.stage == 1:
            return min(fraction / self.first_part, 1.0)
        return (fraction - self.first_part) / (1 - self.first_part)

    def _step(self, fraction: float) -> _Step:
        """Forward and backward pass of one batch; gradients are averaged and clipped."""
        config = self.config
        self._seed_step()
        batch, side = config.batch, config.crop
        if self._stage_fraction(fraction) >= 1 - config.final_fraction:
            side = config.final_crop
            batch = max(1, round(config.batch * (config.crop / side) ** 2))
        draws = torch.rand(2).tolist()
        x = self.dataset.batch(batch, side, 1 + draws[1] if draws[0] < config.rescale else 1.0)
        # Stratified over the batch, so that every step sees all rates.
        stratum = (torch.arange(batch) + torch.rand(batch)) / batch
        quality = (stratum**config.low_rates).to(self.device)
        if config.recolour:
            x = recoloured(x, config.recolour)
        bf16 = config.bf16 and _has_bf16(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            out = self.network(x, quality)
        if self.progress.stage == 1:
            trade_off = self.model.lambda_at(quality)
            mean = self.progress.loss
            limit = config.crop_limit * mean if math.isfinite(mean) else math.inf
            loss, *measured = rate_distortion_loss(out, x, trade_off, self.distortion, limit)
        else:
            loss, measured = out, [out.new_tensor(math.nan)] * 2
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        told = torch.tensor([self.spent(), float(self.stopping)]).to(self.device)
        scalars = torch.cat((torch.stack((loss.detach(), *measured, norm)), told))
        if dist.is_initialized():
            dist.all_reduce(scalars)
            scalars /= dist.get_world_size()
        # The only transfer from the device in a step.
        mean_loss, bpp, mse, mean_norm, spent, stops = scalars.tolist()
        self.progress.crops += batch
        return _Step(mean_loss, bpp, mse, mean_norm, spent, stops > 0)

    def _update(self, step: _Step, fraction: float) -> bool:
        """Apply the gradients; False if the step is skipped: not finite, or exploded."""
        config, progress = self.config, self.progress
        progress.step += 1
        settled = self._warm_steps() > config.warmup
        if not math.isfinite(step.norm) or (settled and step.norm > 20 * progress.norm):
            progress.skipped += 1
            progress.norm *= 1.05  # a lasting change of scale must not lock the training out
            return False
        progress.norm = _mean(progress.norm, step.norm, 0.99)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(fraction) * group["factor"]
        self.optimizer.step()
        if progress.step % _AVERAGED_STEPS == 0:
            self._average(_AVERAGED_STEPS)
        smooth = 0.98 if progress.step - progress.stage_start > 100 else 0.9
        if progress.stage == 2:
            progress.second_loss = _mean(progress.second_loss, step.loss, smooth)
            return True
        progress.loss = _mean(progress.loss, step.loss, smooth)
        progress.bpp = _mean(progress.bpp, step.bpp, smooth)
        psnr = 10 * math.log10(255**2 / max(step.mse, 1e-4))
        progress.psnr = _mean(progress.psnr, psnr, smooth)
        return True

    def _average(self, steps: int) -> None:
        """Take the weights into their average, on behalf of so many steps."""
        if steps:
            taken = self.progress.step - self.progress.stage_start
            decay = min(self.config.ema, taken / (taken + 10)) ** steps
            torch._foreach_lerp_(self._averages, self._weights, 1 - decay)

    def _warm_steps(self) -> int:
        """Steps since the stage began, or since the optimizer's moments did."""
        return self.progress.step - max(self.progress.stage_start, self.progress.moments_start)

    def _learning_rate(self, fraction: float) -> float:
        spent = self._stage_fraction(fraction)
        rising = 1.0  # the second stage is a short one, of one layer from zero
        if self.progress.stage == 1:
            rising = min(self._warm_steps() / self.config.warmup, 1.0)
        return self.config.learning_rate * rising * falling(self.config, spent)

    def _tell(self, observer: Observer, before: float, fraction: float) -> None:
        """Tell the observer of a step, from ``before`` to ``fraction`` of the budget."""
        progress = self.progress
        observer.on_step(progress, fraction)
        if progress.stage == 1 and _passes(before, fraction, _HISTORY_ROWS):
            rate = self._learning_rate(fraction)
            means = (progress.loss, progress.bpp, progress.psnr)
            row = [float(progress.step), progress.seconds, *means, rate]
            progress.history.append(row)
            observer.on_history(row)
        if _passes(before, fraction, self.config.validations):
            self._validate(observer)

    def _validate(self, observer: Observer) -> None:
        """Measure the averaged weights on the pictures held out."""
        progress = self.progress
        if self.held_out:
            points = validate(self.averaged, self.held_out)
            progress.validations += [[progress.step, p.quality, p.bpp, p.psnr] for p in points]
            observer.on_validation(progress.step, points, self.averaged)


def _mean(old: float, new: float, smooth: float) -> float:
    """A running mean; the first value stands for itself."""
    return smooth * old + (1 - smooth) * new if math.isfinite(old) else new


def _passes(before: float, after: float, parts: int) -> bool:
    """Whether going from ``before`` to ``after`` passes a multiple of 1 / parts."""
    return math.floor(before * parts) < math.floor(after * parts)


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False
