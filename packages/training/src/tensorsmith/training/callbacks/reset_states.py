"""Callback that resets the states of stateful recurrent layers."""

import keras

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Logs
from tensorsmith.training._support.model_layers import recurrent_states, stateful_layers


class ResetStates(keras.callbacks.Callback):
    """Resets the states of stateful recurrent layers at the start of each epoch and of each evaluation.

    Batches of a stateful network continue the sequences of the previous batch. At the start of an epoch, the sequences
    start again, and the states of their ends must not be carried over. Keras does not reset them. An evaluation during
    `fit` starts with states of 0, too. Layers with `stateful=True` are also found in nested models and in layers such
    as `keras.layers.Bidirectional`.

    The callback works with `Trainer.fit`, and with `fit`, `evaluate` and `predict` of Keras. `Trainer.evaluate` and
    `Trainer.predict` have no callbacks and continue with the current states. A resumed run continues with the states in
    the checkpoint.

    Raises:
        ValueError: If the model has no stateful recurrent layers.

    Example:
        >>> import keras, numpy as np
        >>> inputs = keras.Input(batch_shape=(1, None, 1))
        >>> model = keras.Model(inputs, keras.layers.GRU(2, stateful=True)(inputs))
        >>> x = np.ones((1, 3, 1))
        >>> first, second = (model.predict(x, callbacks=[ResetStates()], verbose=0) for _ in range(2))
        >>> third = model.predict(x, verbose=0)  # continues the sequence
        >>> np.array_equal(first, second), np.array_equal(second, third)
        (True, False)
    """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Resets the states before an epoch."""
        self._reset()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Resets the states before an evaluation."""
        self._reset()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Resets the states before a prediction."""
        self._reset()

    def _reset(self) -> None:
        remedy = "create the recurrent layers with `stateful=True`"
        valid = bool(stateful_layers(self.model))
        check(valid, "model", Verbatim(f"{self.model.name!r}"), "contain stateful recurrent layers", remedy)
        # Not with `reset_state` of the layers, which does not support stacked cells.
        for state in recurrent_states(self.model):
            state.assign(keras.ops.zeros_like(state))
