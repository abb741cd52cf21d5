"""Training that happens once: it is resumed if it was interrupted, and restored if it was completed."""

import contextlib
import csv
import json
import math
import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error, read_text, replace_file
from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.recipes.curves import plot_curves
from tensorsmith.recipes.run_folder import LARGEST_HISTORY

if TYPE_CHECKING:
    import keras

    from tensorsmith.training import Trainer

RESULT, WEIGHTS, CHECKPOINTS = "training.json", "model.weights.h5", "checkpoints"


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training that happens once.

    Attributes:
        history: Mapping from the names of metrics to their values after each epoch.
        seconds: Time from the start of the training to the end of each epoch, in seconds. After an interruption, the
            start is that of the resumed training, and the values of the epochs before it are NaN.
    """

    history: Mapping[str, Sequence[float]]
    seconds: Sequence[float]


def train_once(
    folder: Path,
    trainer: "Trainer | keras.Model",
    data: Mapping[str, Any],
    epochs: int,
    batch_size: int,
    callbacks: "Sequence[keras.callbacks.Callback]",
    seed: int,
) -> TrainingResult:
    """Train a model, or restore its weights if `folder` contains those of a completed training.

    Random numbers that are drawn afterwards do not depend on whether the model was trained, resumed or restored.

    Args:
        folder: Folder of the training, which is created if it does not exist.
        trainer: Trainer of the model, or a compiled model, which is trained with Keras `fit`. After an interruption,
            Keras repeats the last epoch, in another order of the examples.
        data: Mapping from "train" and, optionally, "validation" to data.
        epochs: Number of passes over the training data.
        batch_size: Number of examples per step.
        callbacks: Keras callbacks.
        seed: Random seed of the order of the examples.

    Raises:
        UnreadableFileError: If the files of a completed training are damaged.
    """
    import keras

    from tensorsmith.training import Checkpoints, TQDMProgressBar

    model: keras.Model = trainer if isinstance(trainer, keras.Model) else trainer.model
    if (folder / RESULT).exists():
        return _restored(folder, model)
    folder.mkdir(parents=True, exist_ok=True)
    started, seconds = time.perf_counter(), list[float]()
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seconds.append(time.perf_counter() - started))
    if model is trainer:
        backup = keras.callbacks.BackupAndRestore(str(folder / CHECKPOINTS))
        options: dict[str, Any] = {
            "verbose": 0,
            "callbacks": [*callbacks, clock, backup, TQDMProgressBar(show_epoch_progress=False)],
        }
    else:
        checkpoints = Checkpoints(folder / CHECKPOINTS, keep_last=1)
        options = {"seed": seed, "checkpoints": checkpoints, "resume": True, "callbacks": [*callbacks, clock]}
    with preserved_random_state():
        history = trainer.fit(
            **as_arguments(data["train"]),
            epochs=epochs,
            batch_size=batch_size,
            validation_data=data.get("validation"),
            **options,
        ).history
    missing = max(map(len, history.values()), default=0) - len(seconds)
    result = TrainingResult(
        {name: [float(value) for value in values] for name, values in history.items()},
        [math.nan] * missing + seconds,
    )
    model.save_weights(folder / WEIGHTS)
    plot_curves(result.history, folder / "curves.png")
    with replace_file(folder / "history.csv") as draft, draft.open("w", newline="") as file:
        rows = zip(*result.history.values(), strict=False)
        csv.writer(file).writerows([["epoch", *result.history], *([epoch, *row] for epoch, row in enumerate(rows, 1))])
    with replace_file(folder / RESULT) as draft:  # last, because it marks the training as completed
        draft.write_text(json.dumps(asdict(result)))
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return result


def as_arguments(split: NestedArrays | Dataset) -> Mapping[str, Any]:
    """Return the data of a split as the arguments `x`, `y` and `sample_weight` of a trainer."""
    import keras

    return dict(zip(("x", "y", "sample_weight"), keras.utils.unpack_x_y_sample_weight(split), strict=True))


def _restored(folder: Path, model: "keras.Model") -> TrainingResult:
    """Restore the weights of a completed training, and return its result."""
    try:
        model.load_weights(folder / WEIGHTS)
        return TrainingResult(**json.loads(read_text(folder / RESULT, LARGEST_HISTORY)))
    except Exception as error:  # the errors of Keras for damaged files are of all types
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        remedy = "remove the folder to train again"
        error_of_file = argument_error("training", Verbatim(f"{folder} ({reason})"), "a folder of intact files", remedy)
        raise UnreadableFileError.like(error_of_file) from error


@contextlib.contextmanager
def preserved_random_state() -> Iterator[None]:
    """Context manager that restores the state of the generators from which Keras draws seeds."""
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
