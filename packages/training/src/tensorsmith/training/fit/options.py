"""Validated arguments of `Trainer.fit`."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tensorsmith.core import Verbatim, check, is_integer, is_number
from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.training.checkpoint.checkpoints import Checkpoints, Saved, check_new, newest
from tensorsmith.training.distribution.worker_group import WorkerGroup
from tensorsmith.training.inputs.data import make_source, make_validation_source, split_arrays
from tensorsmith.training.inputs.sources import BatchSource

log = logging.getLogger("tensorsmith.training")


@dataclass(frozen=True)
class FitOptions:
    """Arguments of `Trainer.fit`, except for the training and validation data.

    Raises:
        ValueError: If an argument is invalid.
    """

    epochs: int
    initial_epoch: int
    batch_size: int
    steps_per_epoch: int | None
    shuffle: bool
    seed: int | None
    callbacks: list[keras.callbacks.Callback]
    checkpoints: Checkpoints | os.PathLike[str] | str | None
    resume: bool
    extend: bool
    verbose: bool

    def __post_init__(self) -> None:
        check(is_integer(self.epochs) and self.epochs >= 1, "epochs", self.epochs, ">= 1")
        first = self.initial_epoch
        check(is_integer(first) and 0 <= first < self.epochs, "initial_epoch", first, f">= 0 and < {self.epochs}")
        check(is_integer(self.batch_size), "batch_size", self.batch_size, "an integer")
        whole = self.steps_per_epoch is None or is_integer(self.steps_per_epoch)
        check(whole, "steps_per_epoch", self.steps_per_epoch, "an integer or None")
        fits = not self.resume or self.checkpoints is not None
        check(fits, "resume", self.resume, "False unless `checkpoints` is set", "pass `checkpoints`")
        check(self.resume or not self.extend, "extend", self.extend, "False unless `resume` is True")

    @property
    def checkpoint_settings(self) -> Checkpoints | None:
        """Checkpoint settings, or `None` if no checkpoints are saved."""
        given = self.checkpoints
        return Checkpoints(given) if isinstance(given, str | os.PathLike) else given


@dataclass(frozen=True)
class FitData:
    """Arguments of `Trainer.fit` that specify the training and validation data."""

    x: NestedArrays | Dataset | keras.utils.PyDataset
    y: NestedArrays | None
    sample_weight: NestedArrays | None
    class_weight: Mapping[int, float] | None
    validation_data: tuple[Any, ...] | Dataset | keras.utils.PyDataset | None
    validation_split: float

    def __post_init__(self) -> None:
        split = self.validation_split
        check(is_number(split) and 0 <= split < 1, "validation_split", split, ">= 0 and < 1")
        alone = split == 0 or self.validation_data is None
        check(alone, "validation_split", split, "0 if `validation_data` is set")

    def sources(
        self, model: keras.Model | None, options: FitOptions, seed: int
    ) -> tuple[BatchSource, BatchSource | None]:
        """Returns the data source for training, and the data source for validation or `None`.

        Args:
            model: Model that the examples must be compatible with, or `None` for custom steps.
            options: `FitOptions` instance with the other arguments of `fit`.
            seed: Random seed for shuffling the data.

        Raises:
            ValueError: If the data are invalid.
        """
        x, y, sample_weight, validation_data = self.x, self.y, self.sample_weight, self.validation_data
        if self.validation_split:
            (x, y, sample_weight), validation_data = split_arrays(self.validation_split, x, y, sample_weight)
        source = make_source(
            model,
            x,
            y,
            sample_weight=sample_weight,
            class_weight=self.class_weight,
            batch_size=options.batch_size,
            seed=seed if options.shuffle else None,
            steps_per_epoch=options.steps_per_epoch,
        )
        return source, make_validation_source(model, validation_data, options.batch_size)


@dataclass(frozen=True)
class Start:
    """Initial state of a training run, which starts at the first step or at a checkpoint.

    Attributes:
        options: Arguments of `fit`.
        epochs: Index of the final epoch, which may be smaller than that of the arguments if a callback stopped the run.
        seed: Random seed of the run.
        checkpoints: Checkpoint settings, or `None` for no checkpoints.
        saved: Checkpoint that the run resumes, or `None`.
    """

    options: FitOptions
    epochs: int
    seed: int
    checkpoints: Checkpoints | None
    saved: Saved | None

    @property
    def metadata(self) -> dict[str, Any]:
        """Metadata of the checkpoint, or an empty dict."""
        return dict(self.saved.metadata) if self.saved else {}


def start_run(options: FitOptions, worker_group: WorkerGroup) -> Start:
    """Returns the initial state of a training run, after checking that all workers find the same checkpoint.

    Raises:
        ValueError: If the checkpoint belongs to a run with other arguments, if there are checkpoints that the run does
            not resume, or if workers see different checkpoints.
    """
    checkpoints = options.checkpoint_settings
    saved = newest(checkpoints.folder) if checkpoints and options.resume else None
    seed, epochs = options.seed, options.epochs
    if saved is not None:
        there, at = saved.metadata, saved.metadata["position"]
        check(seed in (None, there["seed"]), "seed", seed, f"None or {there['seed']} (the seed of the run to resume)")
        seed = there["seed"]
        least = at["epoch"] + int(at["begun"])
        check(epochs >= least, "epochs", epochs, f">= {least}, the epoch of the checkpoint to resume")
        if there["stopped"] and epochs > at["epoch"] and not options.extend:
            log.info("a callback stopped the run to resume after epoch %d", at["epoch"])
            epochs = at["epoch"]
    elif checkpoints is not None:
        check_new(checkpoints.folder)
    received = Verbatim(f"a folder in which this worker finds {saved.path.name if saved else 'no checkpoint'}")
    check(
        worker_group.agree(saved.metadata["position"]["total"] if saved else -1),
        "checkpoints",
        received,
        "a folder in which all workers find the same checkpoint",
        "use storage that all workers share",
    )
    seed = worker_group.least(int(np.random.randint(2**31)) if seed is None else seed)
    return Start(options, epochs, seed, checkpoints, saved)
