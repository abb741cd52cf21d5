"""A model of named features."""

from collections.abc import Mapping

import keras

from tensorsmith.core import export
from tensorsmith.core.types import NestedTensors, Tensor


@export
class FeatureModel(keras.Model):
    """A functional model whose inputs are a dictionary, and which takes no notice of entries that it has no input for.

    So examples may be given as they are read, targets and all. `keras.Model` warns of further entries, and then takes
    the entries by their place instead of their name, so that an input may get the values of another.

    Args:
        inputs: Name to `keras.Input`, each of which has that name.
        outputs: A tensor, or a structure of them.
        name: The model's name.

    Call arguments:
        inputs: Name to tensor.

    Raises:
        ValueError: An input has no entry, when the model is called.

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
        """Calls the model with the entries it has inputs for."""
        return super().call({name: inputs[name] for name in self.input}, training=training, mask=mask)
