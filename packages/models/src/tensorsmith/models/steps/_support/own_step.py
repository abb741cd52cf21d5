"""Base class of the models that override `train_step`."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike


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
        """Trains the model, as `keras.Model.fit`, after `check_data` of arrays or the first batch of a dataset."""
        if isinstance(x, tf.data.Dataset):
            for batch in x.take(1):
                self.check_data(*keras.utils.unpack_x_y_sample_weight(batch)[:2])
        elif isinstance(x, np.ndarray) or keras.ops.is_tensor(x):
            self.check_data(x, args[0] if args else kwargs.get("y"))
        return super().fit(x, *args, **kwargs)

    def check_data(self, x: TensorLike, y: TensorLike | None = None) -> None:
        """Raises an error if the samples are not in the range that the model can return.

        `tensorsmith.training.Trainer` calls it as well.
        """
        self._check_range("x", x)

    def _check_range(self, name: str, values: TensorLike) -> None:
        if self.sample_range is not None:
            low, high = self.sample_range
            least, most = (float(bound(values)) for bound in (keras.ops.min, keras.ops.max))
            received = Verbatim(f"values from {least:.6g} to {most:.6g}")
            remedy = "scale the samples, for example by `keras.layers.Rescaling`"
            check(low <= least and most <= high, name, received, f"in [{low:g}, {high:g}], as the outputs", remedy)


def draw_or_check(name: str, values: TensorLike | int, shape: tuple[int, ...], seed: Any) -> Tensor:
    """Returns samples of the standard normal distribution, if their number is given, or else the checked values.

    Args:
        name: Name of the argument in error messages.
        values: Values of shape `(n, *shape)`, or the number n of samples to draw.
        shape: Shape of one sample.
        seed: Seed of the drawn samples.
    """
    if isinstance(values, int | np.integer):
        check(bool(values > 0), name, values, "a positive integer or values")
        return keras.random.normal((values, *shape), seed=seed)
    values = keras.ops.convert_to_tensor(values, "float32")
    sizes = ", ".join(map(str, shape))
    expected = f"a positive integer or values of shape (n, {sizes})"
    check(tuple(values.shape[1:]) == shape, name, Verbatim(f"shape {tuple(values.shape)}"), expected)
    return values


def check_classes(name: str, labels: TensorLike, size: int, classes: int | None) -> None:
    """Raises an error unless labels are one class for each sample. Labels in a graph, as unknown, are not checked.

    Args:
        name: Name of the argument in error messages.
        labels: Integers of shape `(size,)`.
        size: Number of samples.
        classes: Number of classes, or `None` if it is unknown.
    """
    if not tf.executing_eagerly():
        return
    values = keras.ops.convert_to_numpy(labels)
    check(values.shape == (size,), name, Verbatim(f"shape {values.shape}"), f"classes of shape ({size},)")
    valid = values.dtype.kind in "iuf" and bool(np.all((values >= 0) & (values == np.floor(values))))
    valid = valid and (classes is None or bool(np.all(values < classes)))
    expected = "non-negative integers" if classes is None else f"integers from 0 to {classes - 1}"
    check(valid, name, values, expected)


def activation_range(network: keras.Model) -> tuple[float, float] | None:
    """Returns the range of the outputs of a network, if its last activation is bounded."""
    shapers = keras.layers.Reshape | keras.layers.Flatten
    # The operations of a functional model include those of `keras.ops`.
    operations = getattr(network, "operations", network.layers)
    last = next((operation for operation in reversed(operations) if not isinstance(operation, shapers)), None)
    if isinstance(last, keras.Model):
        return activation_range(last)
    ranges = {keras.activations.tanh: (-1.0, 1.0), keras.activations.sigmoid: (0.0, 1.0)}
    return ranges.get(getattr(last, "activation", None))
