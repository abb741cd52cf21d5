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
from tensorsmith.training.model_layers import parts_of


def training_state(owner: object) -> list[tf.Variable]:
    """The variables of whatever an object holds, each once: layers with their seeds, metrics, optimizers, variables.

    They are found among the attributes of the object and of the layers in it, so that a trainer or a model with
    several networks or optimizers (a GAN) has all of them kept.
    """
    found: dict[int, tf.Variable] = {}
    for part in parts_of(owner):
        if isinstance(part, tf.Variable):
            variables = [part]
        elif isinstance(part, keras.Variable):
            variables = [part.value]
        elif isinstance(part, keras.Model):
            variables = [variable.value for variable in (*part.variables, *part.metrics_variables)]
        elif isinstance(part, keras.Layer | keras.optimizers.Optimizer | keras.metrics.Metric):
            variables = [variable.value for variable in part.variables]
        else:
            continue
        found.update((id(variable), variable) for variable in variables)
    return list(found.values())


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


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays, which metrics and callbacks log, for JSON."""
    return np.asarray(value).tolist()


class Checkpoints:
    """The newest checkpoints of a training run in one folder.

    Args:
        owner: What holds the training state, with its optimizers and metrics built.
        folder: Where the files lie; made when missing.
        keep: How many of them.
    """

    def __init__(self, owner: object, folder: str | os.PathLike[str], keep: int = 2) -> None:
        self._note = tf.Variable("{}", dtype=tf.string, shape=(), name="note")
        self._variables = training_state(owner)
        checkpoint = tf.train.Checkpoint(state=self._variables, note=self._note)
        self._manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=keep)
        self._checkpoint = checkpoint

    def save(self, note: dict[str, Any]) -> None:
        """Writes the state and a note that goes with it; the file names count up from what is there.

        Raises:
            OSError: No room, or no right to write.
        """
        self._note.assign(json.dumps(note, default=_plain))
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
