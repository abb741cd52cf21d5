"""Description of the callback that stopped a run before its last epoch."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def describe_stop(callbacks: "Iterable[keras.callbacks.Callback]", completed: int, epochs: int) -> str:
    """Return sentences on the reason for which a run was stopped and on restored weights, or an empty string.

    Args:
        callbacks: Callbacks of the run.
        completed: Number of completed epochs.
        epochs: Number of epochs that were requested.
    """
    import keras

    early = [each for each in callbacks if isinstance(each, keras.callbacks.EarlyStopping)]
    stopping = next((each for each in early if each.stopped_epoch > 0), None)
    where = f"after epoch {completed} of {epochs}"
    if completed >= epochs:
        reason = ""
    elif stopping is None:
        reason = f"A callback stopped the run {where}."
    else:
        best = stopping.best_epoch + 1
        reason = f"Early stopping ended the run {where}: {stopping.monitor} has not improved since epoch {best}."
    # Keras restores the best weights also at the end of a run that was not stopped.
    restoring = next((each for each in early if each.restore_best_weights and each.best_weights is not None), None)
    if restoring is not None and restoring.best_epoch + 1 != completed:
        reason += f" The weights of epoch {restoring.best_epoch + 1} were restored."
    elif stopping is not None:
        reason += f" The weights are those of epoch {completed}."
    return reason.strip()
