"""Base class of the models with a training step of their own."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike


class OwnStep(keras.Model):
    """Model that builds its optimizer when it is compiled, and checks the range of its samples before training.

    Keras builds the optimizer only for its own training step, and later than replicas allow.
    """

    sample_range: tuple[float, float] | None = None  # bounds of the values of samples, if they are known

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Configures the model for training, as `keras.Model.compile`, and builds the optimizer."""
        super().compile(*args, **kwargs)
        self.build_optimizers()

    def build_optimizers(self) -> None:
        """Builds the optimizer."""
        self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compiles a loaded model. Keras does not do so if `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(dict(config)))

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains the model, as `keras.Model.fit`. Samples in arrays must be in the range of the model."""
        if isinstance(x, np.ndarray) or keras.ops.is_tensor(x):
            self.check_data(x)
        return super().fit(x, *args, **kwargs)

    def check_data(self, x: TensorLike, y: TensorLike | None = None) -> None:
        """Raises an error if the samples are not in the range that the model can return.

        `tensorsmith.training.Trainer` calls it as well.
        """
        if self.sample_range is not None:
            low, high = self.sample_range
            least, most = (float(bound(x)) for bound in (keras.ops.min, keras.ops.max))
            received = Verbatim(f"values from {least:.6g} to {most:.6g}")
            remedy = "scale the samples, for example by `keras.layers.Rescaling`"
            check(low <= least and most <= high, "x", received, f"in [{low:g}, {high:g}], as the outputs", remedy)


def activation_range(network: keras.Model) -> tuple[float, float] | None:
    """Returns the range of the outputs of a network, if its last activation is bounded."""
    shapers = keras.layers.Reshape | keras.layers.Flatten
    last = next(layer for layer in reversed(network.layers) if not isinstance(layer, shapers))
    if isinstance(last, keras.Model):
        return activation_range(last)
    ranges = {keras.activations.tanh: (-1.0, 1.0), keras.activations.sigmoid: (0.0, 1.0)}
    return ranges.get(getattr(last, "activation", None))
