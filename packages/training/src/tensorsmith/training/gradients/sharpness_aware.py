"""Trainer for sharpness-aware minimization (SAM)."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Logs, Loss, Optimizer
from tensorsmith.training.gradients.defer import deferred_updates
from tensorsmith.training.trainer import Trainer

TINY = 1e-12  # added to the gradient norm for numerical stability


class SharpnessAware(Trainer):
    """Trainer for sharpness-aware minimization (SAM).

    Each step moves the weights along the gradient to a nearby point of higher loss, and then updates the original
    weights with the gradient at that point. This favors flat minima, which tend to generalize better than sharp ones. A
    step takes about twice as long as a step of `Trainer`.

    Formula, with the gradient g at the weights w, for gradient descent (other optimizers process the last gradient in
    their own way):

        w' = w + rho g / |g|
        w = w - rate gradient(w')

    Both gradients are computed on the same global batch, for any number of replicas, and with the same dropout masks.
    Losses and metrics are computed at w, and batch normalization statistics and other state of the model are updated
    once, at w. With loss scaling, both gradients are scaled, which does not affect the ascent step. A step is skipped
    if either gradient overflows. With gradient accumulation, each small batch has its own ascent step.

    Source: Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021.

    Args:
        model: Keras 3 model. A custom `train_step` must call `model.optimizer.apply_gradients` exactly once.
        optimizer: Optimizer, as in `Trainer`.
        loss: Loss, as in `Trainer`.
        metrics: Metrics, as in `Trainer`.
        rho: Radius of the neighborhood, which is the length of the ascent step.
        **kwargs: Additional arguments of `Trainer`.

    Raises:
        ValueError: If `rho` is negative, the model uses parameter servers, or as in `Trainer`.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> trainer = SharpnessAware(model, keras.optimizers.SGD(0.1), "mse", rho=0.01)
        >>> x = np.random.default_rng(0).normal(size=(256, 2))
        >>> history = trainer.fit(x, x @ [[2.0], [-1.0]], epochs=5, verbose=False)
        >>> np.abs(model.get_weights()[0] - [[2.0], [-1.0]]).max() < 0.05
        np.True_
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: Optimizer | None = None,
        loss: Loss | Sequence[Any] | None = None,
        metrics: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        rho: float = 0.05,
        **kwargs: Any,
    ) -> None:
        check(isinstance(rho, int | float) and rho >= 0, "rho", rho, "a non-negative number")
        super().__init__(model, optimizer, loss, metrics, **kwargs)
        serves = isinstance(self._strategy, tf.distribute.ParameterServerStrategy)
        received = Verbatim("a model created under ParameterServerStrategy")
        check(not serves, "model", received, "created under a strategy other than ParameterServerStrategy")
        self.rho = rho

    @property
    def steps_as_keras(self) -> bool:
        """`True` if the model does not override `train_step`, so that both passes use the training step of Keras."""
        return type(self.model).train_step is keras.Model.train_step

    def train_step(self, data: tuple[Any, ...]) -> Logs:
        """Performs two forward and backward passes on a batch, followed by one update."""
        model = self.model
        # First pass at the original weights, without an update.
        state = [variable.value for variable in (*model.non_trainable_variables, *model.metrics_variables)]
        began = _read(state)
        with deferred_updates(model) as pairs:
            logs = super().train_step(data)
        ended = _read(state)
        # Ascent step along the normalized gradient of the global batch.
        climbing = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        gradients = _whole([tf.convert_to_tensor(gradient) for gradient, _ in climbing])
        weights = [variable.value for _, variable in climbing]
        here = _read(weights)
        norm = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients])
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_add(gradient * tf.cast(self.rho / (norm + TINY), gradient.dtype))
        # Second pass at the perturbed weights, starting from the same model state as the first.
        _assign(state, began)
        with deferred_updates(model) as pairs:
            super().train_step(data)
        # Restores the original weights and keeps the state of the first pass.
        _assign(weights, here)
        _assign(state, ended)
        model.optimizer.apply_gradients(pairs)
        return logs


def _whole(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the gradients of the global batch, summed over replicas."""
    replica = tf.distribute.get_replica_context()
    whole: list[tf.Tensor] = replica.all_reduce("SUM", gradients) if replica.num_replicas_in_sync > 1 else gradients
    return whole


def _read(variables: Sequence[tf.Variable]) -> list[tf.Tensor]:
    return [variable.read_value() for variable in variables]


def _assign(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
