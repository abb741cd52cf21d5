"""Base class of the models with a training step of their own."""

from collections.abc import Mapping
from typing import Any

import keras


class OwnStep(keras.Model):
    """Model whose optimizer is built when the model is compiled.

    Keras builds it only for its own training step, and later than replicas allow.
    """

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
