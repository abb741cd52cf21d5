"""Fused update of optimizers with first and second moments."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core.keras_internals import first_moments, second_moments
from tensorsmith.ops import MomentsUpdate
from tensorsmith.optimizers._support.fused import FusedUpdate, assign
from tensorsmith.optimizers._support.live import LiveRates


class FusedMoments(LiveRates, FusedUpdate):
    """Mixin for AdamW and Lamb, whose state consists of first and second moments.

    List it before the Keras class among the bases. A subclass sets `op`, a static method.
    """

    op: Callable[..., MomentsUpdate]

    def fused_update(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor], **settings: Any) -> None:
        """Update all variables in one compiled op."""
        momentums = self.slots(first_moments(self), variables)
        velocities = self.slots(second_moments(self), variables)
        update = self.op(
            variables,
            gradients,
            momentums,
            velocities,
            step=self.iterations + 1,  # the bias correction counts steps from 1
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            **settings,
        )
        assign(variables, update.parameters)
        assign(momentums, update.momentums)
        assign(velocities, update.velocities)
