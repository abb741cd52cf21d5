"""Saving a model with the averages of its weights."""

import os
from typing import Any

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Logs
from tensorsmith.training.fit.state import restore, snapshot
from tensorsmith.training.gradients.optimizers_within import optimizers_within


class AverageModelCheckpoint(keras.callbacks.ModelCheckpoint):
    """Saves the model with averages in place of its weights, as optimizers like `MovingAverage` and `SWA` keep them.

    It takes every optimizer with a method `assign_average_vars(variables)`, also within a `LossScaleOptimizer` or a
    `MultiOptimizer`. Statistics of batch normalization are saved as they are in training, as in TensorFlow Addons;
    `reestimate_batch_norm` makes those of the averages.

    Args:
        update_weights: Whether training goes on from the averages, and the model keeps them. If not, it goes on with
            the weights it had.
        filepath: As in `keras.callbacks.ModelCheckpoint`: ends with ".keras", or ".weights.h5" for weights only.
        monitor: As there, as all that follows.
        verbose: Whether it says so when it saves.
        save_best_only: Whether to save only after the best score so far.
        save_weights_only: Whether to save no more than weights.
        mode: Whether the smallest or the largest score is the best.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: The score to beat at first.

    Raises:
        ValueError: `update_weights` is no bool, or, when training begins, the optimizer keeps no averages.

    Example:
        >>> import os, tempfile
        >>> import keras, numpy as np
        >>> from tensorsmith.optimizers import MovingAverage
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(MovingAverage(keras.optimizers.SGD(0.1), average_decay=0.5), "mean_squared_error")
        >>> path = os.path.join(tempfile.mkdtemp(), "averaged.keras")
        >>> x = np.ones((64, 1))
        >>> history = model.fit(x, x, callbacks=[AverageModelCheckpoint(False, path)], verbose=0)
        >>> model.optimizer.swap_weights()
        >>> bool(np.all(keras.models.load_model(path).get_weights()[0] == model.get_weights()[0]))
        True
    """

    def __init__(
        self,
        update_weights: bool,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        check(isinstance(update_weights, bool), "update_weights", update_weights, "True or False")
        super().__init__(
            filepath, monitor, verbose, save_best_only, save_weights_only, mode, save_freq, initial_value_threshold
        )
        self.update_weights = update_weights

    def set_model(self, model: keras.Model) -> None:
        """Looks at the optimizer."""
        super().set_model(model)
        received = Verbatim(f"a model with the optimizer {type(model.optimizer).__name__}")
        remedy = "put tensorsmith.optimizers.MovingAverage or SWA around it"
        check(bool(self._averaging), "model", received, "one whose optimizer keeps averages of weights", remedy)

    def _save_model(self, epoch: int, batch: int | None, logs: Logs) -> None:
        variables = [variable.value for variable in self.model.trainable_variables]
        before = snapshot(variables)
        for optimizer in self._averaging:
            optimizer.assign_average_vars(self.model.trainable_variables)
        try:
            super()._save_model(epoch, batch, logs)
        finally:
            if not self.update_weights:
                restore(variables, before)

    @property
    def _averaging(self) -> list[Any]:
        return [each for each in optimizers_within(self.model.optimizer) if hasattr(each, "assign_average_vars")]
