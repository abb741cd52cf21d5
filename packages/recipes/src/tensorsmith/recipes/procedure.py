"""Support for recipes that define their own training procedure."""

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorsmith.core import argument_error, replace_file
from tensorsmith.recipes.run_folder import RunFolder

METADATA = "__run__"  # checkpoint entry with the epoch and history as JSON


class ProcedureRun:
    """Log and checkpoints for a run of a recipe that defines its own training procedure.

    Args:
        folder: Run folder. Scores are written to `history.csv` and the state to `checkpoints/last.npz`.
        seed: Random seed of the run.
        resume: If `True`, resume from the state after the last completed epoch.

    Raises:
        ValueError: If the checkpoint cannot be read.
    """

    def __init__(self, folder: RunFolder, seed: int, resume: bool) -> None:
        self.folder = folder.path
        self.seed = seed
        self.epoch = 0
        self.history: dict[str, list[float]] = {}
        self._run_folder = folder
        self._path = folder.checkpoints / "last.npz"
        self._state: dict[str, np.ndarray] | None = None
        if resume and self._path.exists():
            self._load()

    def restore(self) -> Mapping[str, np.ndarray] | None:
        """Return the saved state after the last completed epoch, or `None` if no epoch has been completed."""
        return self._state

    def end_epoch(self, scores: Mapping[str, float], state: Mapping[str, np.ndarray]) -> None:
        """Log the scores of an epoch, and save the state from which training can be resumed.

        Args:
            scores: Mapping from metric names to values. The metrics must be the same in all epochs.
            state: Mapping from names to the arrays that are saved to resume the run.
        """
        self.epoch += 1
        for name, score in scores.items():
            self.history.setdefault(name, []).append(float(score))
        metadata = json.dumps({"epoch": self.epoch, "history": self.history})
        self._path.parent.mkdir(exist_ok=True)
        content = io.BytesIO()
        arrays: dict[str, Any] = {**state, METADATA: np.array(metadata)}
        np.savez(content, **arrays)
        with replace_file(self._path) as draft:
            draft.write_bytes(content.getvalue())
        self._run_folder.write_history(self.history)

    def _load(self) -> None:
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                state = dict(arrays)
            metadata = json.loads(str(state.pop(METADATA)))
        except (ValueError, OSError, KeyError) as error:
            raise argument_error("resume", str(self._path), "a checkpoint of this run", str(error)) from error
        self.epoch, self.history, self._state = metadata["epoch"], metadata["history"], state
