"""Statistics of weights and activations, and a function that writes them as TensorBoard scalars."""

import os
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import NestedArrays
from tensorsmith.training.callbacks.every import Moment


def weight_statistics(model: keras.Model) -> dict[str, float]:
    """Returns the norm, mean and standard deviation of each trainable variable, keyed by path.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False, name="last")])
        >>> model.set_weights([np.diag([3.0, 4.0])])
        >>> {path.partition("last/")[2]: round(number, 4) for path, number in weight_statistics(model).items()}
        {'kernel/norm': 5.0, 'kernel/mean': 1.75, 'kernel/std': 1.7854}
    """
    found = {}
    for variable in model.trainable_variables:
        values = np.asarray(keras.ops.convert_to_numpy(variable), np.float64)
        found[f"{variable.path}/norm"] = float(np.linalg.norm(values))
        found[f"{variable.path}/mean"] = float(values.mean())
        found[f"{variable.path}/std"] = float(values.std())
    return found


def dead_unit_fractions(model: keras.Model, x: NestedArrays) -> dict[str, float]:
    """Returns the fraction of units or channels in each ReLU layer that are 0 for all examples.

    Args:
        model: Functional or Sequential model.
        x: Input data, for which a few hundred examples are sufficient.

    Raises:
        ValueError: If the model is not a built functional or Sequential model, or has no ReLU layers.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, "relu", name="hidden")])
        >>> model.set_weights([np.ones((1, 2)), np.array([0.0, -9.0])])
        >>> dead_unit_fractions(model, np.linspace(-1, 1, 11)[:, None])
        {'hidden': 0.5}
    """
    known = bool(getattr(model, "inputs", None))
    check(known, "model", Verbatim(type(model).__name__), "a built functional or Sequential model")
    layers = [layer for layer in model.layers if _is_relu(layer)]
    check(bool(layers), "model", Verbatim("a model without ReLU"), "contain a ReLU layer or activation")
    outputs = keras.Model(model.inputs, [layer.output for layer in layers]).predict(x, verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return {
        layer.name: float(np.mean(np.all(values.reshape(-1, values.shape[-1]) == 0, axis=0)))
        for layer, values in zip(layers, outputs, strict=True)
    }


class ToTensorBoard:
    """Action for `Every` that writes values as TensorBoard scalars at the current step.

    Args:
        folder: Folder for the event files, for use with `tensorboard --logdir`.
        numbers: Function that takes a model and returns a mapping from names to the numbers to log. An example is
            `weight_statistics`.

    Example:
        >>> import tempfile
        >>> from tensorsmith.training import Every
        >>> every = Every("100 steps", ToTensorBoard(tempfile.mkdtemp(), weight_statistics))
    """

    def __init__(self, folder: str | os.PathLike[str], numbers: Callable[[keras.Model], Mapping[str, float]]) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))
        self._numbers = numbers

    def __call__(self, moment: Moment) -> None:
        """Writes the values for a model as TensorBoard scalars, at the step of the given `Moment`."""
        with self._writer.as_default(step=moment.step):
            for name, number in self._numbers(moment.model).items():
                tf.summary.scalar(name, number)
        self._writer.flush()


def _is_relu(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu
