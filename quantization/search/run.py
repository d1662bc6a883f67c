"""A search in a folder, from the weights to the front: it goes on after it was killed.

The folder holds the settings, the supernet (supernet.pt), the times of blocks (times.json), every
rating (rated.jsonl), and the result: front.json and its picture, and for each architecture on it a
picture and a file, which `lic quantize --bits FILE` takes.
"""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lic.codec.errors import PictureError
from lic.codec.output import make_folder, write_file
from lic.models.deployable.model import Deployable
from lic.quantization.aware_training import as_tensors, quantized
from lic.quantization.errors import QuantizationError
from lic.quantization.pictures import crops_of, middle_crops
from lic.quantization.search.baselines import greedy, random_search, uniform
from lic.quantization.search.costs import Costs, measured_time, time_table
from lic.quantization.search.evolution import Evolution, Rated, fronts, points_of
from lic.quantization.search.gradient import GradientSearch, Relaxation
from lic.quantization.search.gradient import search as gradient_search
from lic.quantization.search.options import COSTS, METHODS
from lic.quantization.search.report import architecture_picture, front_picture
from lic.quantization.search.sensitivity import additive_front, single_changes
from lic.quantization.search.space import Architecture, space_of
from lic.quantization.search.supernet import Batches, Supernet, sort_channels
from lic.quantization.source import load_source
from lic.training.data import CropDataset, split

SUPERNET, FRONT = "supernet.pt", "front.json"
_AXES = ("BitOps, thousands a pixel", "bytes", "milliseconds")
_SIDE = 128
_GREEDY_LIMITS = (0.0003, 0.001, 0.003, 0.01, 0.03)


@dataclass(frozen=True)
class SearchSettings:
    """What to search and how long."""

    source: str
    """The id of float weights."""
    folders: tuple[str, ...]
    """Pictures to train and to rate with."""
    method: str = "evolution"
    cost: str = "bitops"
    evaluations: int = 600
    """Ratings, each of one architecture."""
    supernet_steps: int = 0
    """Of training; without it, all architectures share the weights of the source."""
    batch: int = 8
    learning_rate: float = 2e-4
    weight_bits: tuple[int, ...] = (4, 6, 8, 12)
    activation_bits: tuple[int, ...] = (8, 12, 16)
    shapes: bool = True
    """Whether kernels, expansions and presence are searched, beside the bits."""
    limit: float = 0.0
    """The highest cost, as a fraction of the largest architecture's; 0: none."""
    seed: int = 0
    crops: int = 6
    """Pictures that an architecture is rated on, in four parts, each at another quality."""
    calibration: int = 24
    """Pictures that tell how large the network's values are."""
    noise: bool = True
    entropy: float = 0.02
    penalties: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0)
    """Of QuantNAS, which shares the evaluations among them, as steps."""
    max_w: bool = False

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("cost", COSTS)):
            if getattr(self, name) not in known:
                raise QuantizationError(
                    f"there is no {name} {getattr(self, name)!r}; there are {', '.join(known)}"
                )


Tell = Callable[[str], None]


class SearchRun:
    """A search in a folder.

    Raises
    ------
    WeightsError
        If the weights cannot be loaded.
    PictureError
        If there are too few pictures.
    QuantizationError
        If no network of the space keeps to the limit, or the folder holds another search.
    """

    def __init__(self, settings: SearchSettings, out: Path, tell: Tell) -> None:
        self.settings = settings
        self.out = out
        self.tell = tell
        self._rated: dict[Architecture, Rated] = {}
        make_folder(out)
        file, text = self._check_settings()
        model = _load(settings.source)
        sort_channels(model)
        self.space = space_of(
            model, settings.weight_bits, settings.activation_bits, shapes=settings.shapes
        )
        folders = [Path(folder) for folder in settings.folders]
        paths, held_out = split(folders, None)
        calibration = middle_crops(folders, settings.calibration)
        self.codec = quantized(model, self.space.plans(), calibration)
        self.supernet = Supernet(self.space, self.codec)
        self.crops = _rating_crops(held_out, settings.crops)
        self._datasets = [
            CropDataset(half, _SIDE, 1e8, torch.device("cpu")) for half in (paths[::2], paths[1::2])
        ]
        self.costs = Costs(self.space, self.codec, self._times())
        self.column = COSTS.index(settings.cost)
        self.largest = self._cost(self.space.largest)
        least = sum(float(table[:, self.column].min()) for table in self.costs.tables)
        if settings.limit and least > settings.limit * self.largest:
            raise QuantizationError(
                f"no network of this space costs less than {least / self.largest:.3f} of the "
                f"largest's {settings.cost}"
            )
        write_file(file, text.encode())  # not before: a mistake must not keep the folder

    def _check_settings(self) -> tuple[Path, str]:
        """The file of the settings and its text; raises QuantizationError if it has others."""
        text = json.dumps(asdict(self.settings), indent=2)
        file = self.out / "settings.json"
        if file.exists() and file.read_text(encoding="utf-8") != text:
            raise QuantizationError(f"{self.out} holds a search with other settings")
        return file, text

    def _times(self) -> dict[str, float] | None:
        if self.settings.cost != "milliseconds":
            return None
        file = self.out / "times.json"
        if not file.exists():
            self.tell("timing the blocks")
            write_file(file, json.dumps(time_table(self.space, self.codec), indent=1).encode())
        times: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
        return times

    def _cost(self, architecture: Architecture) -> float:
        cost = self.costs.of(architecture)
        found = (cost.bit_operations, cost.bytes, cost.milliseconds)[self.column]
        assert found is not None
        return found

    def batches(self, half: int | None = None) -> Batches:
        """Batches of all pictures, or of one half of them; a step's are always the same."""

        def batch(step: int) -> tuple[Tensor, Tensor]:
            # -1 for both: the hash of None differs from process to process.
            torch.manual_seed(
                hash((self.settings.seed, step, -1 if half is None else half)) % 2**31
            )
            size = self.settings.batch
            dataset = self._datasets[step % 2 if half is None else half]
            quality = (torch.arange(size) + torch.rand(size)) / size
            return dataset.batch(size, _SIDE), quality

        return batch

    def train(self) -> None:
        """Train the supernet, or go on, or load it; raises QuantizationError if it is damaged."""
        file, settings = self.out / SUPERNET, self.settings
        saved = read_supernet(file) if file.exists() else None

        def save(state: dict[str, Any]) -> None:
            temporary = file.with_suffix(".tmp")
            torch.save(state, temporary)
            temporary.replace(file)

        def tell(step: int, loss: float) -> None:
            if step % 20 == 0:
                self.tell(f"supernet, step {step} of {settings.supernet_steps}: loss {loss:.3f}")

        try:
            self.supernet.train(
                self.batches(), settings.supernet_steps, settings.learning_rate, tell, saved, save
            )
        except (RuntimeError, KeyError, ValueError) as error:
            if saved is None:
                raise
            raise QuantizationError(f"{file} is not of this search: {error}") from error

    def rate(self, architecture: Architecture) -> Rated:
        """How good an architecture is, and what it costs; one that was rated is not again."""
        if architecture in self._rated:
            return self._rated[architecture]
        loss = self.supernet.loss(architecture, *self.crops)
        return Rated(architecture, loss, self._cost(architecture))

    def run(self) -> list[Rated]:
        """All ratings, in order; each is written at once."""
        self.train()
        file = self.out / "rated.jsonl"
        known = self._rated
        if file.exists():
            known.update((rated.architecture, rated) for rated in self._read(file))
        # The front is written at the end.
        if not (self.out / FRONT).exists() and len(known) < self.settings.evaluations:
            new = (rated for rated in self._search() if rated.architecture not in known)
            with file.open("a", encoding="utf-8") as log:
                for rated in itertools.islice(new, self.settings.evaluations - len(known)):
                    numbers = [list(rated.architecture.numbers), rated.loss, rated.cost]
                    print(json.dumps(numbers), file=log, flush=True)
                    known[rated.architecture] = rated
                    self.tell(f"{len(known)}: loss {rated.loss:.3f}, {rated.cost:.4g}")
        found = list(known.values())
        self._write(found)
        return found

    def _read(self, file: Path) -> list[Rated]:
        found = []
        try:
            for line in file.read_text(encoding="utf-8").splitlines():
                numbers, loss, cost = json.loads(line)
                found.append(Rated(Architecture(tuple(numbers)), float(loss), float(cost)))
        except (ValueError, TypeError) as error:
            raise QuantizationError(f"{file} is damaged in line {len(found) + 1}") from error
        return found

    def _search(self) -> Iterator[Rated]:
        """Ratings by the method, some of which may be known."""
        rng = np.random.default_rng([self.settings.seed, len(self._rated)])
        match self.settings.method:
            case "evolution":
                return self._evolution(rng)
            case "random":
                return random_search(self.space, self.rate, rng)
            case "uniform":
                return map(self.rate, uniform(self.space))
            case "greedy":
                return greedy(self.space, self.rate, _GREEDY_LIMITS)
        return self._gradient()

    def _evolution(self, rng: np.random.Generator) -> Iterator[Rated]:
        """NSGA-II, beginning with uniform bits and with what single changes tell."""
        yield from map(self.rate, single_changes(self.space))
        known = list(self._rated.values())
        losses = {r.architecture: r.loss for r in known}
        costs = [table[:, self.column] for table in self.costs.tables]
        seeds = [*uniform(self.space), *additive_front(self.space, losses, costs)]
        yield from Evolution().search(self.space, self.rate, rng, seeds, known)

    def _gradient(self) -> Iterator[Rated]:
        """QuantNAS, once for each of some penalties, every time from the supernet.

        A penalty's search begins anew if it was killed, and is over if penalties.json has it.
        """
        settings = self.settings
        file = self.out / "penalties.json"
        done = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
        start = {name: value.clone() for name, value in self.codec.state_dict().items()}
        steps = max(settings.evaluations // len(settings.penalties), 20)
        for penalty in settings.penalties:
            if penalty in done:
                continue
            options = GradientSearch(
                steps,
                penalty=penalty,
                entropy=settings.entropy,
                noise=settings.noise,
                max_w=settings.max_w,
            )
            relaxation = Relaxation(self.space, self.codec, options)
            found: list[Architecture] = []
            for best in gradient_search(
                relaxation,
                self.codec,
                self.costs,
                self.column,
                (self.batches(0), self.batches(1)),
                lambda step, loss: None,
            ):
                found.append(best)
            # All are rated with the same weights as those of other searches.
            self.codec.load_state_dict(start)
            yield from map(self.rate, dict.fromkeys(found))
            done.append(penalty)
            write_file(file, json.dumps(done).encode())

    def _write(self, rated: Sequence[Rated]) -> None:
        """The front within the limit, and a file for each architecture on it."""
        limit = self.settings.limit * self.largest or float("inf")
        within = [r for r in rated if r.cost <= limit]
        if not within:
            raise QuantizationError("no architecture that was rated keeps to the limit")
        number = fronts(points_of(within))
        front = sorted(
            (r for r, n in zip(within, number, strict=True) if n == 0), key=lambda r: r.cost
        )
        rows = []
        for place, best in enumerate(front):
            name = f"architecture-{place}.json"
            values = self.space.to_values(best.architecture)
            values |= {"loss": best.loss, "cost": asdict(self.costs.of(best.architecture))}
            write_file(self.out / name, json.dumps(values, indent=1).encode())
            picture = architecture_picture(self.space.choices(best.architecture))
            write_file((self.out / name).with_suffix(".svg"), picture)
            rows.append({"file": name, "loss": best.loss, "cost": best.cost})
        if COSTS[self.column] == "milliseconds":
            self._measure(front, rows)
        shown = front_picture(within, front, _AXES[self.column])
        write_file(self.out / "front.svg", shown)
        write_file(self.out / FRONT, json.dumps(rows, indent=1).encode())

    def _measure(self, front: Sequence[Rated], rows: Sequence[dict[str, Any]]) -> None:
        """Add to the front's rows what its architectures take in truth, and tell how far off."""
        errors = []
        for best, row in zip(front, rows, strict=True):
            self.supernet.choose(best.architecture)
            row["measured"] = measured_time(self.codec)
            errors.append(abs(best.cost / row["measured"] - 1))
        mean, most = 100 * float(np.mean(errors)), 100 * max(errors)
        self.tell(f"the sums of the sites' times are off by {mean:.1f} %, at most {most:.1f} %")


def read_supernet(file: Path) -> dict[str, Any]:
    """The state of a supernet; raises QuantizationError if it cannot be read."""
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.PickleError) as error:
        raise QuantizationError(f"{file} is no readable supernet: {error}") from error
    return state


def _load(source: str) -> Deployable:
    _, model = load_source(source)
    if not isinstance(model, Deployable):
        raise QuantizationError("only networks of the default family can be searched")
    return model


def _rating_crops(paths: Sequence[Path], count: int) -> tuple[Tensor, Tensor]:
    """Crops (N, 3, 128, 128) of pictures that nothing is trained on, and qualities (N,).

    They are the four parts of the middles of ``count`` pictures. The qualities lie evenly between 0
    and 1, those of a picture far from each other.
    """
    try:
        middles = torch.cat(as_tensors(crops_of(paths, count)))
    except PictureError as error:
        raise PictureError(f"of the pictures that are held out, one in twenty, {error}") from error
    parts = middles.reshape(-1, 3, 2, _SIDE, 2, _SIDE)  # each side in two halves
    crops = parts.permute(2, 4, 0, 1, 3, 5).flatten(0, 2)
    return crops, (torch.arange(len(crops)) + 0.5) / len(crops)
