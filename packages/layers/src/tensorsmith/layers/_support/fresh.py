"""Independent copies of initializers for several weights of a layer."""

import keras

from tensorsmith.core.types import Initializer


def fresh(initializer: Initializer) -> Initializer:
    """Returns a copy of an initializer, for use with another weight.

    Keras initializers return the same values each time they are called. Copies with a fixed seed still do.
    """
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    return initializer.__class__.from_config(initializer.get_config())
