"""Run of a recipe that defines its own training procedure."""

import io
import json
from collections.abc import Callable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.core import UnreadableFileError, argument_error, check, is_integer, replace_file
from tensorsmith.recipes.prepared_values import load_arrays
from tensorsmith.recipes.recipe_run import RecipeRun
from tensorsmith.recipes.run_folder import RunFolder
from tensorsmith.recipes.tracked_state import restore_state, state_of

if TYPE_CHECKING:
    from pathlib import Path

    import keras

METADATA = "__run__"  # checkpoint entry with the epoch, the history and the dtypes and shapes of the state as JSON


class ProcedureRun(RecipeRun):
    """Log and checkpoints for a run of a recipe that defines its own training procedure.

    Args:
        config: Configuration of the run.
        folder: Run folder. Scores are written to `history.csv` and the state to `checkpoints/last.npz`.
        train_recipe: Function that trains another recipe (see `RecipeRun`).
        resume: If `True`, resume from the state after the last completed epoch.

    Attributes:
        epoch: Number of completed epochs. It is greater than 0 if the run was resumed.

    Raises:
        UnreadableFileError: If the checkpoint is damaged.
    """

    def __init__(
        self,
        config: Any,
        folder: RunFolder,
        train_recipe: "Callable[[str, Mapping[str, Any], Path], keras.Model]",
        resume: bool,
    ) -> None:
        super().__init__(config, folder.path, folder.path / "trainings", train_recipe)
        self.epoch = 0
        self._run_folder = folder
        self._path = folder.checkpoints / "last.npz"
        self._tracked: dict[str, Any] = {}
        self._state: dict[str, np.ndarray] = {}
        if resume and self._path.exists():
            self._load()

    def track(self, **objects: Any) -> None:
        """Save the state of objects after each epoch. If the run is resumed, restore the state of its last epoch.

        Call it once for all objects, before the first epoch.

        Args:
            **objects: Keras models, layers and built optimizers, variables of Keras and TensorFlow, NumPy arrays, which
                are changed in place, and objects with the methods `get_state`, which returns a mapping from names to
                arrays, numbers or strings, and `set_state`, which takes such a mapping.

        Raises:
            ValueError: If an object is of another type, or is not built.
            UnreadableFileError: If the checkpoint does not match the objects.
        """
        check(not self._tracked, "track", sorted(objects), "called once, with all objects")
        state_of(objects)
        self._tracked = dict(objects)
        if self.epoch:
            try:
                restore_state(objects, self._state)
            except Exception as error:
                raise self._damaged(error) from error

    def end_epoch(self, scores: Mapping[str, float]) -> None:
        """Log the scores of an epoch, and save the state of the tracked objects.

        Args:
            scores: Mapping from metric names to values. The metrics must be the same in all epochs.
        """
        self.epoch += 1
        for name, score in scores.items():
            self.history.setdefault(name, []).append(float(score))
        state = state_of(self._tracked)
        metadata = json.dumps({"epoch": self.epoch, "history": self.history, "state": _description(state)})
        self._path.parent.mkdir(exist_ok=True)
        content = io.BytesIO()
        arrays: dict[str, Any] = {**state, METADATA: np.array(metadata)}
        np.savez(content, **arrays)
        with replace_file(self._path) as draft:
            draft.write_bytes(content.getvalue())
        self._run_folder.write_history(self.history)

    def _load(self) -> None:
        try:
            state = load_arrays(self._path)
            metadata = json.loads(str(state.pop(METADATA)))
            if metadata["state"] != _description(state):
                raise ValueError(f"its arrays {_description(state)} are not those that were saved")
            epoch, history = metadata["epoch"], metadata["history"]
            numbers = all(isinstance(value, float) for value in chain(*history.values()))
            "".join(history).encode()  # fails for surrogates, which no file represents
            if not (is_integer(epoch) and epoch > 0 and numbers):
                raise ValueError("its epoch or its history is damaged")
        except Exception as error:  # the errors of NumPy for damaged files are of all types
            raise self._damaged(error) from error
        self.epoch, self.history, self._state = epoch, history, state

    def _damaged(self, error: Exception) -> UnreadableFileError:
        remedy = f"remove the file to start again. It cannot be read ({type(error).__name__}: {error})"
        return UnreadableFileError.like(argument_error("resume", str(self._path), "a checkpoint of this run", remedy))


def _description(state: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return the dtype and the shape of each array."""
    return {name: f"{array.dtype} {array.shape}" for name, array in state.items()}
