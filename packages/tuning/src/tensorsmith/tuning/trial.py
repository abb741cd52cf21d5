"""Training of a single configuration, which can be interrupted and resumed at any time."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error, check, read_text, replace_file
from tensorsmith.core.types import Dataset, Logs, NestedArrays
from tensorsmith.training import Checkpoints
from tensorsmith.tuning.folds import folds
from tensorsmith.tuning.search import Search

RESULT = "result.json"
LARGEST_RESULT = 20_000_000  # bytes; history of about 100,000 epochs and 5 metrics

Watch = Callable[[int, Mapping[str, Any]], None]  # receives the number of each completed epoch and its logs


@dataclasses.dataclass(frozen=True)
class Result:
    """Result of a trial.

    Attributes:
        config: All fields of the configuration, with the resolved value of `jit`.
        drawn: Sampled values of the hyperparameters that are active in the trial.
        score: Best score, or mean score over the folds. `None` if the trial failed.
        epoch: Epoch of the best score, or the mean over the folds.
        seconds: Duration since the last start of the trial.
        folds: Score of each fold.
        history: Metrics of each epoch. Empty with folds.
        error: Error message if the trial failed.
        where: Line of the recipe at which an unexpected exception was raised.
        traceback: Traceback of an unexpected exception, without the calls within libraries.
    """

    config: dict[str, Any]
    drawn: dict[str, Any]
    score: float | None = None
    epoch: float = 0.0
    seconds: float = 0.0
    folds: list[float] = dataclasses.field(default_factory=list)
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    error: str = ""
    where: str = ""
    traceback: str = ""

    def write(self, folder: Path) -> None:
        """Writes the result to the trial folder."""
        with replace_file(folder / RESULT) as draft:
            draft.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")


def read_result(folder: Path) -> Result | None:
    """Returns the result in the folder of a trial, or `None` if the trial is not completed."""
    path = folder / RESULT
    try:
        result = Result(**json.loads(read_text(path, LARGEST_RESULT))) if path.exists() else None
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(path) from error
    if result is not None and not _is_valid(result):
        raise damaged(path)
    return result


def _is_valid(result: Result) -> bool:
    """Returns `True` if the attributes of a result that has been read from a file have the right types."""
    strings = (result.error, result.where, result.traceback)
    numbers = [result.epoch, result.seconds, *([] if result.score is None else [result.score])]
    if not (isinstance(result.config, dict) and isinstance(result.drawn, dict) and isinstance(result.history, dict)):
        return False
    columns = [result.folds, *result.history.values()]
    if not all(isinstance(column, list) for column in columns):
        return False
    numbers += [value for column in columns for value in column]
    return all(isinstance(text, str) for text in strings) and all(
        isinstance(number, int | float) and not isinstance(number, bool) for number in numbers
    )


def damaged(path: Path) -> UnreadableFileError:
    """Returns the error for a file or folder of a search that is damaged."""
    expected = "intact files of a search"
    remedy = "restore the file, or start a new search in another folder"
    return UnreadableFileError.like(argument_error("folder", Verbatim(f"{path}, which is damaged"), expected, remedy))


def train(search: Search, config: Any, folder: Path, watch: Watch) -> Result:
    """Trains a configuration and returns its result. Writes `model.keras` and checkpoints to the folder.

    The numbers equal those of `tensorsmith run` with the same configuration.

    Args:
        search: Settings of the hyperparameter search.
        config: Configuration to train: an instance of the `Config` class of the recipe.
        folder: Folder of the trial. If it contains checkpoints, training resumes from the latest one.
        watch: Function that is called with the number of each completed epoch and its logs.

    Raises:
        ArgumentError: If the configuration cannot be trained, or if the objective is not logged or not finite.
        NonFiniteLossError: If the loss is not finite.
    """
    started = time.perf_counter()
    runs = list(_runs(search, config, folder, watch))
    scores, ends, jit, history = (list(column) for column in zip(*runs, strict=True))
    check(
        bool(np.isfinite(scores).all()), "objective", Verbatim(f"{search.objective} = {scores}"), "finite in all runs"
    )
    return Result(
        config=dataclasses.asdict(config) | ({"jit": jit[0]} if hasattr(config, "jit") else {}),
        drawn={},
        score=float(np.mean(scores)),
        epoch=float(np.mean(ends)),
        seconds=time.perf_counter() - started,
        folds=scores if search.folds else [],
        history={} if search.folds else history[0],
    )


def _runs(
    search: Search, config: Any, folder: Path, watch: Watch
) -> Iterator[tuple[float, int, Any, dict[str, list[float]]]]:
    """Trains a model once or for each fold. Yields the score, best epoch, XLA setting and history each time."""
    keras.utils.set_random_seed(config.seed)
    data = search.recipe.build_data(config)
    if not search.folds:
        trainer, history = _fit(search, config, folder, data["train"], data.get("validation"), watch)
        search.check_logged(history)
        scores = history[search.objective]
        losses = np.array(scores) * (1 if search.best == "min" else -1)
        best = int(np.argmin(np.where(np.isnan(losses), np.inf, losses)))
        with replace_file(folder / "model.keras") as draft:
            search.recipe.model_to_save(trainer).save(draft)
        yield scores[best], best + 1, trainer.jit, history
        return
    for number, (others, part) in enumerate(folds(data["train"], search.folds, config.seed)):
        position = folder / f"fold_{number}"
        position.mkdir(exist_ok=True)
        keras.utils.set_random_seed(config.seed)
        trainer, history = _fit(search, config, position, others, data.get("validation"), watch)
        x, y, weights = keras.utils.unpack_x_y_sample_weight(part)
        measured = trainer.evaluate(x, y, sample_weight=weights, batch_size=config.batch_size)
        logs = {f"val_{name}": value for name, value in measured.items()}
        search.check_logged(logs)
        yield float(logs[search.objective]), len(next(iter(history.values()))), trainer.jit, history


def _fit(
    search: Search,
    config: Any,
    folder: Path,
    train: NestedArrays | Dataset,
    validation: NestedArrays | Dataset | None,
    watch: Watch,
) -> tuple[Any, dict[str, list[float]]]:
    trainer = search.recipe.build_trainer(config)
    more = search.recipe.callbacks(config, folder)
    watched = validation is not None or not search.folds
    stopping = [_Watcher(search, watch), _stopping(search, config.epochs)] if watched else []
    x, y, weights = keras.utils.unpack_x_y_sample_weight(train)
    history = trainer.fit(
        x,
        y,
        sample_weight=weights,
        epochs=config.epochs,
        batch_size=config.batch_size,
        validation_data=validation,
        callbacks=[*more, *stopping],
        seed=config.seed,
        checkpoints=Checkpoints(folder / "checkpoints", keep_last=1),
        resume=True,
        verbose=False,
    ).history
    scalars = {name: values for name, values in history.items() if all(np.ndim(value) == 0 for value in values)}
    return trainer, {name: [float(value) for value in values] for name, values in scalars.items()}


def _stopping(search: Search, epochs: int) -> keras.callbacks.Callback:
    """Returns an early stopping callback that restores the best weights, even if training is not stopped early."""
    return keras.callbacks.EarlyStopping(
        search.objective, patience=search.patience or epochs, mode=search.best, restore_best_weights=True
    )


class _Watcher(keras.callbacks.Callback):
    """Callback that reports the end of each epoch, and raises an error if the objective is not logged."""

    def __init__(self, search: Search, watch: Watch) -> None:
        super().__init__()
        self._search = search
        self._watch = watch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._search.check_logged(logs or {})
        self._watch(epoch + 1, logs or {})
