"""Settings of checkpoints, and functions that write, remove and load the checkpoints of a training run."""

import fcntl
import json
import logging
import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tensorsmith.core import Duration, Verbatim, argument_error, check, did_you_mean
from tensorsmith.training.checkpoint.checkpoint_folder import (
    DamagedCheckpointError,
    checkpoints_in,
    finish,
    new_draft,
    read,
    read_metadata,
    remove,
    sweep,
)

log = logging.getLogger("tensorsmith.training")


@dataclass(frozen=True)
class Checkpoints:
    """Checkpoint settings of a training run: location, frequency and retention.

    Additional checkpoints are written before the first step, 10 seconds later if `every` is a longer time, and at the
    end of the run.

    Args:
        folder: Folder for the checkpoints. It is created if it does not exist.
        every: Interval between checkpoints, such as "1 minute", "2 epochs", "500 steps" or "10%".
        keep_last: Number of latest checkpoints to keep.
        keep_best: Number of best checkpoints to keep in addition to the latest ones. The best checkpoints are written
            at the end of an epoch, when the score is available.
        monitor: Name of the monitored score in the history. Defaults to `val_loss`, or to `loss` without validation
            data.
        mode: "min" if smaller scores are better, or "max" if larger scores are better.

    Raises:
        ValueError: If an argument is out of range, or if a unit is unknown.

    Example:
        >>> Checkpoints("run/checkpoints", every="10 minutes", keep_best=1, monitor="val_accuracy", mode="max").every
        '10 minutes'
    """

    folder: str | os.PathLike[str]
    every: str | int | Duration = "1 minute"
    keep_last: int = 2
    keep_best: int = 0
    monitor: str | None = None
    mode: Literal["min", "max"] = "min"

    def __post_init__(self) -> None:
        every = Duration.parse(self.every, "every")
        check(every.value > 0, "every", self.every, "a positive duration")
        check(self.keep_last >= 1, "keep_last", self.keep_last, ">= 1")
        check(self.keep_best >= 0, "keep_best", self.keep_best, "a non-negative integer")
        check(self.mode in ("min", "max"), "mode", self.mode, '"min" or "max"')


@dataclass(frozen=True)
class Saved:
    """Variables and metadata of a checkpoint that has been loaded from a folder.

    Attributes:
        path: Path of the checkpoint folder.
        values: Mapping from keys to arrays.
        metadata: Metadata that was saved with the checkpoint.
    """

    path: Path
    values: Mapping[str, np.ndarray]
    metadata: Mapping[str, Any]


def newest(folder: str | os.PathLike[str]) -> Saved | None:
    """Returns the newest valid checkpoint in a folder, or `None`. A warning is logged for corrupted checkpoints."""
    for path in reversed(checkpoints_in(Path(folder))):
        try:
            return Saved(path, *read(path))
        except DamagedCheckpointError as error:
            log.warning("%s is damaged, using the previous checkpoint: %s", path, error)
    return None


def check_new(folder: str | os.PathLike[str]) -> None:
    """Raises an error if the folder of a new run already contains checkpoints.

    Raises:
        ValueError: If there are checkpoints in the folder.
    """
    there = checkpoints_in(Path(folder))
    received = Verbatim(
        f"{folder}, which contains {len(there)} checkpoints that are corrupted or belong to a run that is not resumed"
    )
    check(not there, "checkpoints", received, "an empty folder", "pass `resume=True`, or another folder")


class Keeper:
    """Writes checkpoints in a background thread and removes outdated ones.

    Args:
        options: `Checkpoints` instance with the checkpoint settings of the training run.
        monitor: Name of the monitored score.
    """

    def __init__(self, options: Checkpoints, monitor: str) -> None:
        self._folder = Path(options.folder)
        self._options = options
        self._monitor = monitor
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoints")
        self._pending: Future[None] | None = None
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the process exits
        except BlockingIOError as error:
            os.close(self._lock)
            received = Verbatim(f"{self._folder}, which another run is writing to")
            raise argument_error("checkpoints", received, "a folder that no other run uses") from error
        sweep(self._folder)
        self._losses = {path.name: _loss_of(path) for path in checkpoints_in(self._folder)}  # lower is better

    def is_among_best(self, scores: Mapping[str, Any]) -> bool:
        """Returns `True` if the given scores are among the best scores, whose checkpoints are not removed.

        Raises:
            ValueError: If the monitored score is not in `scores`.
        """
        if not self._options.keep_best:
            return False
        known = self._monitor in scores
        check(known, "monitor", self._monitor, f"one of {sorted(scores)}", did_you_mean(self._monitor, scores))
        loss = self._loss(scores)
        return sum(other <= loss for other in self._losses.values()) < self._options.keep_best

    def save(
        self,
        name: str,
        values: Mapping[str, np.ndarray],
        metadata: Mapping[str, Any],
        save_positions: Callable[[Path], None],
        scores: Mapping[str, Any],
    ) -> None:
        """Starts writing a checkpoint, after waiting for the previous one.

        Args:
            name: Name of the checkpoint, which must be greater than the previous names in sort order.
            values: Mapping from keys to arrays, which must not be modified until the checkpoint is written.
            metadata: JSON-serializable metadata.
            save_positions: Function that takes the path of a folder and writes the position in the data to files in
                this folder.
            scores: Scores of the completed epoch, or an empty mapping if the checkpoint is saved within an epoch.

        Raises:
            OSError: If this or the previous checkpoint cannot be written.
        """
        self.wait()
        draft = new_draft(self._folder)
        try:
            save_positions(draft)
        except BaseException:
            sweep(self._folder)
            raise
        loss = self._losses[name] = self._loss(scores)
        gone = self._retire()
        text = json.dumps({**metadata, "loss": loss}, default=_plain)  # before training changes the metadata
        self._pending = self._thread.submit(self._write, draft, name, values, text, gone)

    def wait(self) -> None:
        """Waits until the current checkpoint has been written, and raises any error that occurred."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Waits until the current checkpoint has been written, stops the thread, and unlocks the folder."""
        self._thread.shutdown()
        os.close(self._lock)
        self.wait()

    def _loss(self, scores: Mapping[str, Any]) -> float:
        score = scores.get(self._monitor, math.nan)
        check(
            np.ndim(score) == 0,
            "monitor",
            self._monitor,
            f"the name of a scalar metric, not of an array of shape {np.shape(score)}",
        )
        score = float(score)
        score = score if self._options.mode == "min" else -score
        return math.inf if math.isnan(score) else score

    def _retire(self) -> list[Path]:
        """Returns the paths of outdated checkpoints, and removes the checkpoints from the table of losses."""
        names = sorted(self._losses)
        best = sorted((name for name in names if self._losses[name] < math.inf), key=self._losses.__getitem__)
        staying = {*names[-self._options.keep_last :], *best[: self._options.keep_best]}
        gone = [name for name in names if name not in staying]
        for name in gone:
            del self._losses[name]
        return [self._folder / name for name in gone]

    @staticmethod
    def _write(draft: Path, name: str, values: Mapping[str, np.ndarray], metadata: str, gone: list[Path]) -> None:
        finish(draft, name, values, metadata)
        for checkpoint in gone:
            remove(checkpoint)


def _loss_of(checkpoint: Path) -> float:
    try:
        return float(read_metadata(checkpoint)["loss"])
    except (DamagedCheckpointError, KeyError, TypeError):
        return math.inf


def _plain(value: Any) -> Any:
    """Converts NumPy numbers and arrays to JSON-serializable values."""
    fits = isinstance(value, np.generic | np.ndarray)
    check(
        fits,
        "logs",
        value,
        "contain only numbers and arrays",
        "remove other values, which cannot be stored in checkpoints",
    )
    return value.tolist()
