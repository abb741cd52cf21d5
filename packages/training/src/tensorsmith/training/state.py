"""Everything that changes while a model trains: found, copied, put back, and kept in checkpoint files."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error


def training_state(model: keras.Model) -> list[tf.Variable]:
    """The variables of a model, its random seeds, metrics and optimizers, each once.

    Optimizers are found among the model's attributes, so that a model with several (a GAN) has all of them kept.
    """
    optimizers = [value for value in vars(model).values() if isinstance(value, keras.optimizers.Optimizer)]
    groups = [model.variables, model.metrics_variables, *(optimizer.variables for optimizer in optimizers)]
    return list({id(variable): variable.value for group in groups for variable in group}.values())


def snapshot(variables: list[tf.Variable]) -> list[np.ndarray]:
    """Copies of the values."""
    return [variable.numpy().copy() for variable in variables]


def restore(variables: list[tf.Variable], values: list[np.ndarray]) -> None:
    """Puts copies back."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def latest_note(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What the newest checkpoint in a folder says about the run, or None where there is none."""
    path = tf.train.latest_checkpoint(str(folder))
    if path is None:
        return None
    note: dict[str, Any] = json.loads(tf.train.load_variable(path, "note/.ATTRIBUTES/VARIABLE_VALUE"))
    return note


class Checkpoints:
    """The newest checkpoints of a training run in one folder.

    Args:
        model: The model, with its optimizers and metrics built.
        folder: Where the files lie; made when missing.
        keep: How many of them.
    """

    def __init__(self, model: keras.Model, folder: str | os.PathLike[str], keep: int = 2) -> None:
        self._note = tf.Variable("{}", dtype=tf.string, shape=(), name="note")
        self._variables = training_state(model)
        checkpoint = tf.train.Checkpoint(state=self._variables, note=self._note)
        self._manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=keep)
        self._checkpoint = checkpoint

    def save(self, note: dict[str, Any]) -> None:
        """Writes the state and a note that goes with it; the file names count up from what is there.

        Raises:
            OSError: No room, or no right to write.
        """
        self._note.assign(json.dumps(note, default=float))  # callbacks log NumPy scalars too
        try:
            self._manager.save()
        except tf.errors.OpError as error:
            for unfinished in Path(self._manager.directory).glob("*_temp"):
                shutil.rmtree(unfinished, ignore_errors=True)
            reason = (error.message or "").rpartition(";")[2].strip()
            raise OSError(f"{self._manager.directory}: the checkpoint could not be written: {reason}") from error

    def restore(self) -> None:
        """Puts the newest checkpoint's state back.

        Raises:
            ValueError: The checkpoint is of another model.
        """
        path = self._manager.latest_checkpoint
        saved = {name: shape for name, shape in tf.train.list_variables(path) if name.startswith("state/")}
        ours = {f"state/{i}/.ATTRIBUTES/VARIABLE_VALUE": v.shape.as_list() for i, v in enumerate(self._variables)}
        if saved != ours:
            differing = [name for name in sorted({*saved, *ours}) if saved.get(name) != ours.get(name)]
            raise argument_error(
                "checkpoint",
                Verbatim(f"{len(saved)} variables in {path}, {len(differing)} with other shapes"),
                f"the {len(ours)} variables of this model, optimizer and metrics",
                "resume with the configuration the run was started with",
            )
        self._checkpoint.restore(path).assert_existing_objects_matched()
