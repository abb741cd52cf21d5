"""Callback that unfreezes layers during training."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import Duration, Timeline, check
from tensorsmith.core.types import Logs
from tensorsmith.training._support.model_layers import layers_of
from tensorsmith.training.gradients.optimizers import optimizers_within


class Unfreeze(keras.callbacks.Callback):
    """Freezes layers at the start of training, and unfreezes them at the start of a later epoch.

    This is useful for fine-tuning: a new head trains first, then the layers below it, from last to first, each with its
    own callback. Frozen layers have no gradients, and batch normalization in them keeps its statistics. The optimizer
    creates the state of all variables at the start of the run; the state of a frozen layer changes only after it is
    unfrozen. A resumed run continues at its position. At the end of the run, the layers are trainable as before.

    The layers must be trainable before the run. Nested layers that are not trainable remain frozen. When layers are
    unfrozen, the loop is compiled again (the train step under Keras `fit`).

    Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018.

    Args:
        layers: Layer or list of layers to freeze.
        at: Time at which the layers are unfrozen, as a number of steps or a string such as "3 epochs" or "30%".

    Raises:
        ValueError: If `layers` is empty or contains a layer that is frozen when training begins, or if `at` is not a
            duration in epochs, steps, examples or percent.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Trainer
        >>> body, head = keras.layers.Dense(2), keras.layers.Dense(1)
        >>> model = keras.Sequential([keras.Input((2,)), body, head])
        >>> before = body.get_weights()[0]
        >>> x = np.ones((64, 2))
        >>> trainer = Trainer(model, "sgd", "mse")
        >>> history = trainer.fit(x, x[:, :1], epochs=2, callbacks=[Unfreeze(body, at="2 epochs")], verbose=False)
        >>> np.array_equal(before, body.get_weights()[0])
        True
    """

    def __init__(self, layers: keras.layers.Layer | Sequence[keras.layers.Layer], at: str | int | Duration) -> None:
        super().__init__()
        given: Any = layers
        self._layers: list[keras.layers.Layer] = list(given) if isinstance(given, list | tuple) else [given]
        fits = len(self._layers) > 0 and all(isinstance(layer, keras.layers.Layer) for layer in self._layers)
        check(fits, "layers", layers, "a layer or a list of layers")
        self._thawed: list[tuple[keras.layers.Layer, bool]] = []
        self._at = Duration.parse(at, "at")
        check(self._at.seconds is None, "at", at, "a duration in epochs, steps, examples or percent")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Freezes the layers, after building the optimizer for all variables."""
        steps, epochs = self.params.get("steps"), self.params["epochs"]
        timeline = Timeline(steps, self.params.get("batch_size"), steps and steps * epochs)
        if self._at.unit == "epochs":
            self._epochs = self._at.value
        else:
            check(
                steps is not None,
                "at",
                str(self._at),
                "a number of epochs when the number of steps per epoch is unknown",
            )
            self._epochs = self._at.steps(timeline, "at") / steps
        averaging = any(optimizer.use_ema for optimizer in optimizers_within(self.model.optimizer))
        check(
            not averaging,
            "use_ema",
            True,
            "False when layers are unfrozen",
            "disable `use_ema`, because Keras would assign averages to the wrong weights",
        )
        for layer in self._layers:
            check(layer.trainable, "layers", layer, "trainable at the start of training")
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._thawed = [(part, part.trainable) for layer in self._layers for part in layers_of(layer)]
        self._set(False)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Unfreezes the layers at the specified epoch."""
        if epoch >= self._epochs and not self._layers[0].trainable:
            self._set(True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restores the `trainable` attributes of the layers."""
        self.close()

    def close(self) -> None:
        """Restores the `trainable` attributes of the layers, even if training is interrupted."""
        self._set(True)

    def _set(self, trainable: bool) -> None:
        for part, was in self._thawed:
            part.trainable = trainable and was
        if self._thawed:
            self.model.make_train_function(force=True)  # traced again by Keras when it is called
