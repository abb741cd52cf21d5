"""Sharpness-aware minimization."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Logs, Loss, Optimizer
from tensorsmith.training.gradients.held_back import held_back
from tensorsmith.training.trainer import Trainer

TINY = 1e-12  # keeps the quotient from zero where there is no gradient


class SharpnessAware(Trainer):
    """A `Trainer` that looks for weights in whose whole neighbourhood the loss is low.

    Each step climbs to where the loss is highest nearby, and goes from the old weights along the gradient from there.
    Flat valleys, which tend to hold for other data, win over sharp ones. A step takes twice the time.

    Formula, with g the gradient at the weights w; the optimizer makes of the last gradient what it does:

        w' = w + rho g / |g|
        w = w - rate gradient(w')

    Both gradients are of the same whole batch, whatever the number of replicas, with the same dropout. Losses and
    metrics are those at w, and statistics of batch normalization, like all other state of the model, move once, at w.
    With scaling of the loss both gradients are scaled, which makes no difference to the climb; a step that overflows in
    either is left out. With accumulated gradients each small batch has a climb of its own.

    Source: Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021.

    Args:
        model: Any Keras 3 model; if it has a `train_step` of its own, one that hands its gradients to
            `model.optimizer.apply_gradients`, once.
        optimizer: As for `Trainer`.
        loss: As for `Trainer`.
        metrics: As for `Trainer`.
        rho: How far to climb.
        **kwargs: As for `Trainer`.

    Raises:
        ValueError: `rho` is negative, or as for `Trainer`.

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
        check(isinstance(rho, int | float) and rho >= 0, "rho", rho, "a number of 0 or more")
        super().__init__(model, optimizer, loss, metrics, **kwargs)
        self.rho = rho

    @property
    def steps_as_keras(self) -> bool:
        """Whether both passes are Keras' own."""
        return type(self.model).train_step is keras.Model.train_step

    def train_step(self, data: tuple[Any, ...]) -> Logs:
        """Two passes on one batch, and one update."""
        model = self.model
        state = [variable.value for variable in (*model.non_trainable_variables, *model.metrics_variables)]
        began = _read(state)
        with held_back(model.optimizer) as pairs:
            logs = super().train_step(data)
        ended = _read(state)
        climbing = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        gradients = _whole([tf.convert_to_tensor(gradient) for gradient, _ in climbing])
        weights = [variable.value for _, variable in climbing]
        here = _read(weights)
        norm = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients])
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign_add(gradient * tf.cast(self.rho / (norm + TINY), gradient.dtype))
        _assign(state, began)
        with held_back(model.optimizer) as pairs:
            super().train_step(data)
        _assign(weights, here)
        _assign(state, ended)
        model.optimizer.apply_gradients(pairs)
        return logs


def _whole(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """Those of the whole batch, of which a replica has a share."""
    replica = tf.distribute.get_replica_context()
    whole: list[tf.Tensor] = replica.all_reduce("SUM", gradients) if replica.num_replicas_in_sync > 1 else gradients
    return whole


def _read(variables: Sequence[tf.Variable]) -> list[tf.Tensor]:
    return [variable.read_value() for variable in variables]


def _assign(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
