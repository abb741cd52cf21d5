"""Losses of models that TensorFlow Addons saved."""

from typing import Any

import keras


class AddonsLoss(keras.losses.Loss):
    """Base of the losses that TensorFlow Addons has, too: they can be made of its configs.

    These have no `dtype`, and may have Keras 2's reduction "auto", which Keras 3 refuses. Losses that always gave one
    number for the batch say "none" there, with which ours give one for each sample.
    """

    always_averaged = False

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AddonsLoss":
        """The loss with these arguments."""
        ours = "dtype" in config
        averaged = ("auto", "none") if cls.always_averaged else ("auto",)
        if not ours and config.get("reduction") in averaged:
            config = {**config, "reduction": "sum_over_batch_size"}
        return super().from_config(config)
