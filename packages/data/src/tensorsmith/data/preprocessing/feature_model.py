"""Functional models with a dictionary of named inputs."""

from collections.abc import Mapping

import keras

from tensorsmith.core import export
from tensorsmith.core.types import NestedTensors, Tensor


@export
class FeatureModel(keras.Model):
    """Functional model that accepts a dictionary of inputs and ignores additional entries.

    Examples can therefore be passed as they are read, including the target. `keras.Model` warns about additional
    entries and then matches entries by position instead of name, so that an input may receive the values of another.

    Args:
        inputs: Mapping from input names to `keras.Input` tensors of the same names.
        outputs: Output tensor, or a nested structure of output tensors.
        name: Name of the functional model.

    Call arguments:
        inputs: Dictionary of tensors by input name.

    Raises:
        ValueError: If the model is called without an entry for one of its inputs.

    Example:
        >>> import keras, numpy as np
        >>> x = keras.Input((), name="x")
        >>> double = FeatureModel({"x": x}, 2 * x)
        >>> print(double({"x": np.ones(2), "a_label": np.zeros(2)}).numpy())
        [2. 2.]
    """

    def call(
        self, inputs: Mapping[str, Tensor], training: bool | None = None, mask: NestedTensors | None = None
    ) -> NestedTensors:
        """Calls the model on the entries of the dictionary that correspond to its inputs."""
        return super().call({name: inputs[name] for name in self.input}, training=training, mask=mask)
