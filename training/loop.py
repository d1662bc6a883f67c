"""The training loop: one variable-rate network, from start to the last step of its budget.

The learning rate warms up over some steps, then falls linearly to zero over exactly the budget,
given in minutes or in steps. The weights that count are an exponential moving average. Several
processes (torchrun) each take their own crops and average their gradients.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from lic.models import CodecModel, ModelOutput, create_model, full_config
from lic.training.data import CropDataset
from lic.training.errors import TrainingError

CHECKPOINT = "last.pt"


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. One of ``minutes`` and ``steps`` is the budget; the other is 0.

    The last ``final_fraction`` of it sees fewer, larger crops (the same number of pixels a step):
    they show the network less of a picture's border and more of its context.
    """

    minutes: float = 0.0
    steps: int = 0
    batch: int = 8
    crop: int = 128
    final_crop: int = 256
    final_fraction: float = 0.2
    learning_rate: float = 3e-3
    warmup: int = 300
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.999
    linear_start: bool = True
    compile: bool = False
    checkpoint_seconds: float = 120.0
    max_pixels: float = 4e8
    seed: int = 0


@dataclass
class TrainingState:
    """What a training has done so far; saved in its checkpoints."""

    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    bpp: float = math.nan
    psnr: float = math.nan
    loss: float = math.nan
    norm: float = math.inf
    """Running mean of the gradient's norm, by which an exploding step is told."""

    def fraction(self, config: TrainingConfig) -> float:
        """How much of the budget is spent, 0 to 1."""
        if config.steps:
            return min(self.step / config.steps, 1.0)
        return min(self.seconds / (60 * config.minutes), 1.0)


def load_checkpoint(run: Path, device: torch.device) -> dict[str, Any]:
    """The last checkpoint of a run's folder; raises TrainingError if it cannot be read."""
    wanted = {"model_name", "model_config", "training", "model", "ema", "optimizer", "progress"}
    try:
        state = torch.load(run / CHECKPOINT, map_location=device, weights_only=True)
        missing = wanted - set(state)
    except (OSError, EOFError, RuntimeError, LookupError, TypeError, pickle.PickleError) as error:
        raise TrainingError(f"{run} holds no readable checkpoint: {error}") from error
    if missing:
        raise TrainingError(f"the checkpoint in {run} lacks {', '.join(sorted(missing))}")
    return dict(state)


def rate_distortion_loss(
    out: ModelOutput, x: Tensor, trade_off: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, mean bpp and mean squared error (x in 0..1) of a batch at trade-offs (B,).

    (R + lambda 255^2 MSE) / sqrt(lambda): the division gives every rate a like share of the
    gradient.
    """
    pixels = x.shape[-1] * x.shape[-2]
    likelihoods = (out["likelihoods"]["y"], out["likelihoods"]["z"])
    bpp = sum((-p.float().log2().flatten(1).sum(1) for p in likelihoods), x.new_zeros(())) / pixels
    mse = (out["x_hat"].float() - x).square().flatten(1).mean(1)
    loss = ((bpp + trade_off * 255**2 * mse) / trade_off.sqrt()).mean()
    return loss, bpp.mean().detach(), mse.mean().detach()


class _Gradients:
    """Averages gradients and a few scalars over all processes in one message."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.world = dist.get_world_size() if dist.is_initialized() else 1

    def average(self, scalars: list[float]) -> list[float]:
        """Average the gradients in place; returns the averaged scalars."""
        if self.world == 1:
            return scalars
        grads = [p.grad for p in self.parameters if p.grad is not None]
        device = grads[0].device
        parts = [g.flatten() for g in grads] + [torch.tensor(scalars, device=device)]
        flat = torch.cat(parts)
        dist.all_reduce(flat)
        flat /= self.world
        offset = 0
        for grad in grads:
            grad.copy_(flat[offset : offset + grad.numel()].view_as(grad))
            offset += grad.numel()
        return flat[offset:].tolist()


class Trainer:
    """A training run in a folder, which holds the checkpoint to resume from.

    Parameters
    ----------
    model_name, model_config
        As for `lic.models.create_model`.
    config
        The recipe and the budget.
    dataset
        Where crops come from; each process has its own.
    out
        The run's folder.
    device
        Where to train; bf16 is used where the device computes it.
    """

    def __init__(
        self,
        model_name: str,
        model_config: dict[str, Any],
        config: TrainingConfig,
        dataset: CropDataset,
        out: Path,
        device: torch.device,
    ) -> None:
        torch.manual_seed(config.seed)
        self.model_name = model_name
        self.config = config
        self.dataset = dataset
        self.out = out
        self.device = device
        self.model: CodecModel = create_model(model_name, model_config)
        if config.linear_start:
            self.model.initialise(dataset.batch(256, 64))
        self.model.to(device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if dist.is_initialized():  # each process saw other crops: all begin as the first one
            for tensor in self.model.state_dict().values():
                dist.broadcast(tensor, 0)
        self.ema = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        decayed = [p for p in self.model.parameters() if p.ndim == 4]
        others = [p for p in self.model.parameters() if p.ndim != 4]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.gradients = _Gradients(decayed + others)
        self.progress = TrainingState()
        # How much of the budget is spent, as all processes agree: they change crops together, and
        # stop together.
        self._fraction = 0.0
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self._seed()

    def _seed(self) -> None:
        """Draw crops, noise and qualities that no other process and no earlier step has seen."""
        entropy = np.random.SeedSequence([self.config.seed, self.rank, self.progress.step])
        self.dataset.random = np.random.default_rng(entropy)
        torch.manual_seed(int(entropy.generate_state(1)[0]))

    def resume(self) -> None:
        """Continue from the run's last checkpoint.

        Raises
        ------
        TrainingError
            If there is none that can be read, or it is of another network.
        """
        state = load_checkpoint(self.out, self.device)
        if state["model_config"] != full_config(self.model):
            raise TrainingError(f"the run in {self.out} is of another network")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema = state["ema"]
        self.progress = TrainingState(**state["progress"])
        self._seed()

    def save(self) -> None:
        """Write the checkpoint; the last good one stays until the new one is complete.

        Raises
        ------
        TrainingError
            If it cannot be written.
        """
        state = {
            "model_name": self.model_name,
            "model_config": full_config(self.model),
            "training": asdict(self.config),
            "model": self.model.state_dict(),
            "ema": self.ema,
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
        }
        temporary = self.out / f"{CHECKPOINT}.tmp"
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            torch.save(state, temporary)
            temporary.replace(self.out / CHECKPOINT)
        except (OSError, RuntimeError) as error:  # torch's writer raises either on a full disk
            temporary.unlink(missing_ok=True)
            raise TrainingError(f"cannot write the checkpoint in {self.out}: {error}") from error

    def run(self, report: Callable[[TrainingState], None]) -> None:
        """Train to the end of the budget, calling ``report`` after every good step.

        Raises
        ------
        TrainingError
            After 100 bad steps in a row; the last checkpoint is then still a good one.
        """
        config, progress = self.config, self.progress
        if config.compile:
            self.model.compile(dynamic=False)
        self.model.train()
        leads = self.rank == 0
        last = saved = time.monotonic()
        bad = 0
        self._fraction = progress.fraction(config)
        while self._fraction < 1:
            good = self._step(self._fraction)
            now = time.monotonic()
            progress.seconds += now - last
            last = now
            bad = 0 if good else bad + 1
            if bad >= 100:
                raise TrainingError(
                    f"the training diverged: {bad} bad steps in a row up to step {progress.step}"
                )
            if leads and good:
                report(progress)
            if leads and good and now - saved > config.checkpoint_seconds:
                self.save()
                saved = now
        if leads:
            self.save()

    def _step(self, fraction: float) -> bool:
        """One step; False if it was skipped because it was not finite or exploded."""
        config, progress = self.config, self.progress
        batch, side = config.batch, config.crop
        if fraction >= 1 - config.final_fraction:
            side = config.final_crop
            batch = max(1, round(config.batch * (config.crop / side) ** 2))
        x = self.dataset.batch(batch, side).to(self.device)
        x = x.to(torch.float32, memory_format=torch.channels_last) / 255
        # Stratified over the batch, so that every step sees all rates.
        strata = torch.arange(batch, device=self.device)
        quality = (strata + torch.rand(batch, device=self.device)) / batch
        with torch.autocast(self.device.type, torch.bfloat16, enabled=_has_bf16(self.device)):
            out = self.model(x, quality)
        trade_off = self.model.lambda_at(quality)
        loss, bpp, mse = rate_distortion_loss(out, x, trade_off)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        scalars = [loss.item(), bpp.item(), mse.item(), progress.fraction(config)]
        mean_loss, mean_bpp, mean_mse, spent = self.gradients.average(scalars)
        norm = nn.utils.clip_grad_norm_(self.gradients.parameters, config.clip).item()
        progress.step += 1
        self._fraction = progress.fraction(config) if config.steps else spent
        settled = progress.step > config.warmup
        if not math.isfinite(norm) or (settled and norm > 20 * progress.norm):
            progress.skipped += 1
            progress.norm *= 1.05  # a lasting change of scale must not lock the training out
            return False
        progress.norm = norm if math.isinf(progress.norm) else 0.99 * progress.norm + 0.01 * norm
        rate = config.learning_rate * min(progress.step / config.warmup, 1.0) * (1 - fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        decay = min(config.ema, progress.step / (progress.step + 10))
        state = self.model.state_dict()
        torch._foreach_lerp_(list(self.ema.values()), list(state.values()), 1 - decay)
        smooth = 0.98 if progress.step > 100 else 0.9
        self._track("loss", mean_loss, smooth)
        self._track("bpp", mean_bpp, smooth)
        self._track("psnr", -10 * math.log10(max(mean_mse, 1e-10)), smooth)
        return True

    def _track(self, name: str, value: float, smooth: float) -> None:
        old = getattr(self.progress, name)
        new = value if math.isnan(old) else smooth * old + (1 - smooth) * value
        setattr(self.progress, name, new)


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False
