"""Callback that saves a model with averaged weights."""

import os
from typing import Any

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.core.keras_internals import overrides_private
from tensorsmith.core.types import Logs
from tensorsmith.training.fit.state import restore, snapshot
from tensorsmith.training.gradients.optimizers import optimizers_within


class AverageModelCheckpoint(keras.callbacks.ModelCheckpoint):
    """Saves the model with the averaged weights of optimizers such as `MovingAverage` and `SWA`.

    Any optimizer with a method `assign_average_vars(variables)` is supported, also inside a `LossScaleOptimizer` or a
    `MultiOptimizer`. As in TensorFlow Addons, the statistics of batch normalization are saved as in training;
    `reestimate_batch_norm` recomputes them for the averages.

    Args:
        update_weights: If `True`, the model keeps the averaged weights after saving, and training continues with them.
            If `False`, the original weights are restored.
        filepath: Path of the model file, as in `keras.callbacks.ModelCheckpoint`. The path must end with ".keras", or
            with ".weights.h5" if `save_weights_only` is `True`.
        monitor: Name of the score to monitor.
        verbose: If 1, print a message when the model is saved.
        save_best_only: If `True`, save only if the score is the best so far.
        save_weights_only: If `True`, save only the weights.
        mode: One of "auto", "min" and "max", as in `keras.callbacks.ModelCheckpoint`.
        save_freq: Interval between checkpoints: "epoch", or an integer number of batches.
        initial_value_threshold: Float, the initial best score if `save_best_only` is `True`. The first checkpoint is
            saved when the score is better than this value.

    Raises:
        ValueError: If `update_weights` is not a boolean, or, when training begins, if the optimizer does not average
            weights.

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
        """Sets the model after checking that its optimizer averages weights."""
        super().set_model(model)
        received = Verbatim(f"a model with the optimizer {type(model.optimizer).__name__}")
        remedy = "wrap the optimizer in `MovingAverage` or `SWA` of tensorsmith.optimizers"
        check(bool(self._averaging), "model", received, "have an optimizer that keeps averages of weights", remedy)

    @overrides_private("_save_model", "no public method runs only when the model is saved")
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
