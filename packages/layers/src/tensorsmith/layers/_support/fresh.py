"""An initializer for each of several weights."""

import keras

from tensorsmith.core.types import Initializer


def fresh(initializer: Initializer) -> Initializer:
    """A copy of an initializer, for a further weight: Keras' own repeat their numbers.

    With a seed, copies give the same numbers all the same.
    """
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    return initializer.__class__.from_config(initializer.get_config())
