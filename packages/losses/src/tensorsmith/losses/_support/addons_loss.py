"""Base class for losses that can load the configs saved by TensorFlow Addons."""

from typing import Any

import keras


class AddonsLoss(keras.losses.Loss):
    """Base class for losses that can be created from the configs of TensorFlow Addons.

    These configs have no `dtype` and may contain the Keras 2 reduction "auto", which Keras 3 rejects. TensorFlow Addons
    losses that always return one number per batch have the reduction "none", for which the classes of this package
    return one number per sample.
    """

    always_averaged = False

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AddonsLoss":
        """Create a loss from its config."""
        ours = "dtype" in config
        averaged = ("auto", "none") if cls.always_averaged else ("auto",)
        if not ours and config.get("reduction") in averaged:
            config = {**config, "reduction": "sum_over_batch_size"}
        return super().from_config(config)
