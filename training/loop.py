"""The training loop: one variable-rate network, from the first to the last step of its budget.

A training is a list of stages (`lic.models.stage.Stage`). In each of them the learning rate falls
to zero over exactly the stage's part of the budget, which is given in minutes or in steps. The
result is an exponential moving average of the weights.

Everything random in a step follows from the seed, the process and the step's number. So a run that
is interrupted and resumed computes what it would have computed without the interruption: with a
budget in steps, on the CPU, bit for bit; but not in a hard stage of `lic.quantization`, whose
encoder is made anew then. Several processes (torchrun) each take their own crops;
DistributedDataParallel averages their gradients.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lic.models import CodecModel, Stage, full_config
from lic.training.checkpoint import load_checkpoint, save_checkpoint
from lic.training.config import TrainingConfig
from lic.training.data import CropDataset, recoloured
from lic.training.device import has_bf16
from lic.training.errors import TrainingError, TrainingInterruptedError
from lic.training.losses import distortion, rate_distortion_loss
from lic.training.observer import Observer
from lic.training.optimizer import falling, optimizer, restore_moments
from lic.training.processes import averaged, leads, rank, shared
from lic.training.stages import Plan, StagePass, freeze_others
from lic.training.state import HistoryRow, StepResult, TrainingState, ValidationRow
from lic.training.validation import validate

_HISTORY_ROWS = 400
_MOST_BAD_STEPS = 100
# The average is updated every 4th step only: the result is as good, and it costs less.
_AVERAGED_STEPS = 4


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
    stages
        What to train, in order; by default, the stages of the model's family.
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
        stages: Sequence[Stage] | None = None,
    ) -> None:
        self.model_name = model_name
        self.model = model
        self.config = config
        self.dataset = dataset
        self.held_out = held_out
        self.out = out
        self.device = device
        self.stopping = False
        """Set from outside (a signal) to end the run after the current step."""
        self.progress = TrainingState()
        self.distortion = distortion(config)
        self._seed_step()
        if config.linear_start and not config.init:
            crops = dataset.batch(256, 64)
            model.initialise((crops * 255).round().to(torch.uint8).cpu())
        self.plan = Plan(model.stages if stages is None else stages, model, config.shares)
        for stage in self.plan.stages:
            stage.reset(model)
        model.to(device)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(model).eval()
        if config.compile:
            model.compile(mode=config.compile, dynamic=False)
        self._prepare()
        self.averaged.load_state_dict(model.state_dict())  # the first process's, in all of them
        # The tensors are updated in place, so the lists stay valid.
        self._weights = list(model.state_dict().values())
        self._averages = list(self.averaged.state_dict().values())

    @property
    def _stage(self) -> Stage:
        return self.plan.stage(self.progress.stage)

    def _prepare(self) -> None:
        """Set up the current stage: its parameters, the pass of the processes, its optimizer."""
        freeze_others(self.model, self._stage)
        own = self._stage.objective or self._stage.output
        network = self.model if own is None else StagePass(self.model, own)
        self.network = shared(network, self.device).train(not self._stage.rounded)
        self.optimizer = optimizer(self.model, self.config)

    def _enter(self, number: int) -> None:
        self.progress.enter(number)
        self._prepare()

    def _seed_step(self) -> None:
        """Seed torch's random numbers for this process and this step alone."""
        entropy = np.random.SeedSequence([self.config.seed, rank(), self.progress.step])
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))

    def resume(self) -> None:
        """Continue from the run's last checkpoint; raises TrainingError as `restore`."""
        self.restore(load_checkpoint(self.out, self.device))

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of a checkpoint or of a snapshot.

        A snapshot has no optimizer's state: the moments begin anew, with another warm-up. If the
        budget was raised, the run may return to an earlier stage; later ones are undone then.

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
            self.progress = TrainingState.from_values(state["progress"])
            number = self.plan.number(self.spent())
            if number < self.progress.stage:
                self._return_to(number)
                return
            self._prepare()
            if state["optimizer"] is None:
                self.progress.moments_start = self.progress.step
            else:
                restore_moments(self.optimizer, state["optimizer"])
        except (RuntimeError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(
                f"the saved state does not fit the network: {str(error).splitlines()[0]}"
            ) from error

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
                "progress": self.progress.to_values(),
            },
        )

    def spent(self) -> float:
        """Spent fraction of the budget, 0 to 1, by this process's clock or steps."""
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
            number = self.plan.number(fraction)
            if number > progress.stage:
                self._advance_to(number, observer)
                bad = 0
            result = self._step(fraction)
            good = self._update(result, fraction)
            now = time.monotonic()
            progress.seconds += now - last
            last = now
            fraction = self.spent() if config.steps else result.fraction
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
            if result.stops:
                if leads():
                    self.save()
                raise TrainingInterruptedError(
                    f"stopped at step {progress.step}, {100 * fraction:.0f} % of the budget; "
                    f"--resume continues the run in {self.out}"
                )
        self._average(progress.step % _AVERAGED_STEPS)
        if leads():
            self.save()

    def _advance_to(self, number: int, observer: Observer) -> None:
        """Begin a later stage."""
        self._average(self.progress.step % _AVERAGED_STEPS)
        if self.plan.stage(number).from_average:
            self.model.load_state_dict(self.averaged.state_dict())
        if leads():
            self._validate(observer)
        self._enter(number)

    def _return_to(self, number: int) -> None:
        """Go on with an earlier stage, and undo those after it."""
        for stage in self.plan.stages[number:]:
            stage.reset(self.model)
            stage.reset(self.averaged)
        self._enter(number)

    def _batch(self, fraction: float) -> tuple[Tensor, Tensor]:
        """Crops (B, 3, S, S) and qualities (B,) for a step, from torch's random numbers."""
        config = self.config
        batch, side = config.batch, config.crop
        if self.plan.spent(self.progress.stage, fraction) >= 1 - config.final_fraction:
            side = config.final_crop
            batch = max(1, round(config.batch * (config.crop / side) ** 2))
        draws = torch.rand(2).tolist()
        x = self.dataset.batch(batch, side, 1 + draws[1] if draws[0] < config.rescale else 1.0)
        # Stratified over the batch, so that every step sees all rates.
        stratum = (torch.arange(batch) + torch.rand(batch)) / batch
        quality = (stratum**config.low_rates).to(self.device)
        if config.recolour:
            x = recoloured(x, config.recolour)
        return x, quality

    def _step(self, fraction: float) -> StepResult:
        """Forward and backward pass of one batch; gradients are averaged and clipped."""
        config = self.config
        self._seed_step()
        x, quality = self._batch(fraction)
        bf16 = config.bf16 and has_bf16(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            out = self.network(x, quality)
        if self._stage.objective is None:
            trade_off = self.model.lambda_at(quality)
            mean = self.progress.loss
            limit = config.crop_limit * mean if math.isfinite(mean) else math.inf
            loss, *measured = rate_distortion_loss(out, x, trade_off, self.distortion, limit)
        else:
            loss, measured = out, [out.new_tensor(math.nan)] * 2
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        shares = torch.tensor([self.spent(), float(self.stopping)]).to(self.device)
        scalars = averaged(torch.cat((torch.stack((loss.detach(), *measured, norm)), shares)))
        self.progress.crops += len(x)
        # One transfer from the device for all results of a step.
        mean_loss, bpp, mse, mean_norm, spent, stops = scalars.tolist()
        return StepResult(mean_loss, bpp, mse, mean_norm, spent, stops > 0)

    def _update(self, result: StepResult, fraction: float) -> bool:
        """Apply the gradients; False if the step is skipped: not finite, or exploded."""
        progress = self.progress
        progress.step += 1
        settled = self._warm_steps() > self.config.warmup
        if not math.isfinite(result.norm) or (settled and result.norm > 20 * progress.norm):
            progress.skipped += 1
            progress.norm *= 1.05  # a lasting change of scale must not lock the training out
            return False
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(fraction) * group["factor"]
        self.optimizer.step()
        if progress.step % _AVERAGED_STEPS == 0:
            self._average(_AVERAGED_STEPS)
        progress.take(result, self._stage.objective is not None)
        return True

    def _average(self, steps: int) -> None:
        """Update the average with the weights, as if they had been the same for ``steps`` steps."""
        if steps:
            taken = self.progress.step - self.progress.stage_start
            decay = min(self.config.ema, taken / (taken + 10)) ** steps
            torch._foreach_lerp_(self._averages, self._weights, 1 - decay)

    def _warm_steps(self) -> int:
        """Steps since the stage began, or since the optimizer's moments did."""
        return self.progress.step - max(self.progress.stage_start, self.progress.moments_start)

    def _learning_rate(self, fraction: float) -> float:
        stage = self._stage
        spent = self.plan.spent(self.progress.stage, fraction)
        rising = min(self._warm_steps() / self.config.warmup, 1.0) if stage.warms_up else 1.0
        return (
            self.config.learning_rate * stage.learning_rate * rising * falling(self.config, spent)
        )

    def _tell(self, observer: Observer, before: float, fraction: float) -> None:
        """Tell the observer of a step, from ``before`` to ``fraction`` of the budget."""
        progress = self.progress
        observer.on_step(progress, fraction)
        if self._stage.objective is None and _passes(before, fraction, _HISTORY_ROWS):
            means = (progress.loss, progress.bpp, progress.psnr)
            rate = self._learning_rate(fraction)
            row = HistoryRow(progress.step, progress.seconds, *means, rate)
            progress.history.append(row)
            observer.on_history(row)
        if _passes(before, fraction, self.config.validations):
            self._validate(observer)

    def _validate(self, observer: Observer) -> None:
        """Measure the averaged weights on the pictures held out."""
        progress = self.progress
        if self.held_out:
            output = self._stage.output
            points = validate(self.averaged, self.held_out, output=output)
            progress.validations += [
                ValidationRow(progress.step, p.quality, p.bpp, p.psnr) for p in points
            ]
            observer.on_validation(progress.step, points, self.averaged, output)


def _passes(before: float, after: float, parts: int) -> bool:
    """Whether going from ``before`` to ``after`` passes a multiple of 1 / parts."""
    return math.floor(before * parts) < math.floor(after * parts)
