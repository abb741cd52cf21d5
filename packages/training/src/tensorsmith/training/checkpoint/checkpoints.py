"""Checkpoints of a training run: when they are written, which stay, and which one a run goes on from."""

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
    read_note,
    remove,
    sweep,
)

log = logging.getLogger("tensorsmith.training")


@dataclass(frozen=True)
class Checkpoints:
    """Where the checkpoints of a run lie, when they are written, and which of them stay.

    Besides those that are due, one is written before the first step and one at the end.

    Args:
        folder: Their folder; made when missing.
        every: Time between two: "1 minute", "2 epochs", "500 steps", "10%".
        keep_last: How many of the newest stay.
        keep_best: How many of the best stay besides. They are written at the end of an epoch, which knows the score.
        monitor: The score, by its name in the history; `val_loss` by default, `loss` without validation.
        mode: Whether the smallest or the largest score is the best.

    Raises:
        ValueError: A number out of its range, or an unknown unit.

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
        check(every.value > 0, "every", self.every, "a duration above 0")
        check(self.keep_last >= 1, "keep_last", self.keep_last, "1 or more")
        check(self.keep_best >= 0, "keep_best", self.keep_best, "0 or more")
        check(self.mode in ("min", "max"), "mode", self.mode, '"min" or "max"')


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read.

    Attributes:
        path: Its folder.
        values: Arrays by key.
        note: What else belongs to it.
    """

    path: Path
    values: Mapping[str, np.ndarray]
    note: Mapping[str, Any]


def newest(folder: str | os.PathLike[str]) -> Saved | None:
    """The newest sound checkpoint of a folder, or None where there is none; says so where it passes one over."""
    for path in reversed(checkpoints_in(Path(folder))):
        try:
            return Saved(path, *read(path))
        except DamagedCheckpointError as error:
            log.warning("%s is damaged, going on from the one before: %s", path, error)
    return None


def check_new(folder: str | os.PathLike[str]) -> None:
    """Refuses to start a run where there are checkpoints, which it would mix up with its own.

    Raises:
        ValueError: There are some.
    """
    there = checkpoints_in(Path(folder))
    received = Verbatim(f"{folder} with {len(there)} checkpoints, which are damaged or of a run that is not resumed")
    check(not there, "checkpoints", received, "a folder without", "give resume=True, or name another folder")


class Keeper:
    """Writes checkpoints on a thread of its own and removes those that need not stay.

    Args:
        options: What the user asked for.
        monitor: The score's name.
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
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lifts it when the process ends
        except BlockingIOError as error:
            os.close(self._lock)
            received = Verbatim(f"{self._folder}, where another run writes its own")
            raise argument_error("checkpoints", received, "a folder for this run alone") from error
        sweep(self._folder)
        self._losses = {path.name: _loss_of(path) for path in checkpoints_in(self._folder)}  # the lower, the better

    def is_among_best(self, scores: Mapping[str, Any]) -> bool:
        """Whether an epoch with these scores is one of the best that stay.

        Raises:
            ValueError: The monitored score is not among them.
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
        note: Mapping[str, Any],
        save_positions: Callable[[Path], None],
        scores: Mapping[str, Any],
    ) -> None:
        """Begins to write a checkpoint, once the one before is written.

        Args:
            name: Sorts behind those before it.
            values: Arrays by key, which nobody changes any more.
            note: What JSON can hold.
            save_positions: Writes into a folder where the data stands.
            scores: Of the epoch that ended, if one has.

        Raises:
            OSError: This one or the one before could not be written.
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
        text = json.dumps({**note, "loss": loss}, default=_plain)  # here, as training goes on to change what is in it
        self._pending = self._thread.submit(self._write, draft, name, values, text, gone)

    def wait(self) -> None:
        """Waits for the one that is being written, and raises what went wrong with it."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Waits, ends the thread, and gives the folder free."""
        self._thread.shutdown()
        os.close(self._lock)
        self.wait()

    def _loss(self, scores: Mapping[str, Any]) -> float:
        score = scores.get(self._monitor, math.nan)
        check(
            np.ndim(score) == 0, "monitor", self._monitor, f"a single number, where it has the shape {np.shape(score)}"
        )
        score = float(score)
        score = score if self._options.mode == "min" else -score
        return math.inf if math.isnan(score) else score

    def _retire(self) -> list[Path]:
        """Forgets the checkpoints that need not stay, and says which they are."""
        names = sorted(self._losses)
        best = sorted((name for name in names if self._losses[name] < math.inf), key=self._losses.__getitem__)
        staying = {*names[-self._options.keep_last :], *best[: self._options.keep_best]}
        gone = [name for name in names if name not in staying]
        for name in gone:
            del self._losses[name]
        return [self._folder / name for name in gone]

    @staticmethod
    def _write(draft: Path, name: str, values: Mapping[str, np.ndarray], note: str, gone: list[Path]) -> None:
        finish(draft, name, values, note)
        for checkpoint in gone:
            remove(checkpoint)


def _loss_of(checkpoint: Path) -> float:
    try:
        return float(read_note(checkpoint)["loss"])
    except DamagedCheckpointError:
        return math.inf


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays, which metrics and callbacks log, for JSON."""
    fits = isinstance(value, np.generic | np.ndarray)
    check(fits, "logs", value, "numbers and arrays", "log nothing else, as checkpoints hold the history")
    return value.tolist()
