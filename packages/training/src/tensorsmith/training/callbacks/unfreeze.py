"""Layers that begin to train later than others."""

from collections.abc import Sequence
from typing import Any

import keras

from tensorsmith.core import Duration, Timeline, check
from tensorsmith.core.types import Logs
from tensorsmith.training._support.model_layers import layers_of
from tensorsmith.training.gradients.optimizers_within import optimizers_within


class Unfreeze(keras.callbacks.Callback):
    """Keeps layers frozen until some of a run has passed, from the next epoch on.

    For fine-tuning: a new head learns first, then the layers below it, from the last to the first, each by a callback
    of its own. Until then the layers have no gradients, and batch normalization in them keeps its statistics. The
    optimizer knows all variables from the beginning and keeps what it has of them; what it keeps of a frozen layer
    begins to move when the layer thaws. A run that is resumed goes on where it was. When the run ends, the layers are
    as they were before.

    The layers have to be trainable before the run; layers inside of them that are not stay frozen. Under the `Trainer`
    the loop is compiled anew when a layer thaws, under Keras `fit` the step.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018.

    Args:
        layers: A layer, or several.
        at: When they thaw: "3 epochs", "30%", or a number of steps.

    Raises:
        ValueError: `layers` are none or frozen when the run begins, or `at` is no length of a run.

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
        check(fits, "layers", layers, "a layer, or a list of layers")
        self._thawed: list[tuple[keras.layers.Layer, bool]] = []
        self._at = Duration.parse(at, "at")
        check(self._at.seconds is None, "at", at, "a length in epochs, steps, examples or percent")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Learns what the run is made of, and freezes the layers; the optimizer has seen all variables by then."""
        steps, epochs = self.params.get("steps"), self.params["epochs"]
        timeline = Timeline(steps, self.params.get("batch_size"), steps and steps * epochs)
        if self._at.unit == "epochs":
            self._epochs = self._at.value
        else:
            check(steps is not None, "at", str(self._at), "a number of epochs, as the steps of one are not known")
            self._epochs = self._at.steps(timeline, "at") / steps
        averaging = any(optimizer.use_ema for optimizer in optimizers_within(self.model.optimizer))
        check(not averaging, "use_ema", True, "False, as Keras takes averages of weights for those of others that thaw")
        for layer in self._layers:
            check(layer.trainable, "layers", layer, "layers that are trainable before the run")
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._thawed = [(part, part.trainable) for layer in self._layers for part in layers_of(layer)]
        self._set(False)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Thaws the layers, if it is time."""
        if epoch >= self._epochs and not self._layers[0].trainable:
            self._set(True)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Leaves the layers as they were."""
        self.close()

    def close(self) -> None:
        """Leaves the layers as they were, also where training broke off; under Keras `fit` nobody calls it then."""
        self._set(True)

    def _set(self, trainable: bool) -> None:
        for part, was in self._thawed:
            part.trainable = trainable and was
        if self._thawed:
            self.model.make_train_function(force=True)  # Keras' own, which it traces when it is called
