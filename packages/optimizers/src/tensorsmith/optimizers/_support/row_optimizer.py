"""Base class for optimizers without compiled kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import tensorflow as tf

from tensorsmith.core.keras_internals import (
    built_variables,
    iterations_variable,
    overrides_private,
    uses_weight_decay,
    variable_index,
    variable_key,
)
from tensorsmith.core.types import Gradient, Hyperparameter, LearningRate, Scalar, Variable
from tensorsmith.optimizers._support import settings
from tensorsmith.optimizers._support.arguments import check_constant_decay, check_decay, check_no_decay
from tensorsmith.optimizers._support.clipping import clipped
from tensorsmith.optimizers._support.rows import merged, native, precise, read, slices, write
from tensorsmith.optimizers._support.slots import SlotKeeper, Slots


@dataclass(frozen=True)
class Step:
    """Update step of one variable, either for all rows or for the rows that occur in its sparse gradient.

    Attributes:
        gradient: Gradient with respect to the rows that the step updates.
        rate: Learning rate.
        number: Number of the step, counted from 1.
        decay: Current value of `weight_decay` for the variable, or `None` if it does not decay.
        variable: Variable to update.
        position: Index of the variable among those the optimizer was built with.
        indices: Indices of the rows, or `None` for all rows.
    """

    gradient: tf.Tensor
    rate: tf.Tensor
    number: tf.Tensor
    decay: Any
    variable: Any
    position: int
    indices: Any

    @property
    def weights(self) -> tf.Tensor:
        """Current values of those rows of the variable that are updated in this step."""
        return read(self.variable, self.indices, self.gradient.dtype)

    def kept(self, slots: Slots) -> tf.Tensor:
        """Return the current values of a state variable, restricted to the rows that are updated."""
        return read(slots[self.position], self.indices, self.gradient.dtype)

    def keep(self, slots: Slots, values: tf.Tensor) -> tf.Tensor:
        """Assign new values to the updated rows of a state variable, and return these values."""
        write(slots[self.position], self.indices, values)
        return values

    def kept_whole(self, slots: Slots) -> tf.Tensor:
        """Return the current values of all rows of a state variable."""
        return read(slots[self.position], None, self.gradient.dtype)

    def keep_whole(self, slots: Slots, value: tf.Tensor) -> None:
        """Assign new values to all rows of a state variable."""
        write(slots[self.position], None, value)

    def fade(self, slots: Slots, share: Scalar, gain: tf.Tensor) -> tf.Tensor:
        """Decay all rows of a state variable, add `gain` to the updated rows, and return the updated rows."""
        if self.indices is not None:
            slot = native(slots[self.position])
            # All rows decay, including those of the step, to which the gain is added below.
            slot.assign(share * slot)
            share = 1.0
        return self.keep(slots, share * self.kept(slots) + gain)


class RowOptimizer(SlotKeeper):
    """Base class for optimizers that update only those rows of a variable that occur in a sparse gradient.

    A sparse gradient remains sparse: duplicate indices are summed, and only its rows are updated. Half precision is
    computed in `float32`, which is also the dtype of the state variables.

    Keras has no public method between `apply` and `update_step`. Of the methods that it calls in between, three are
    overridden here as in `FusedUpdate`: for clipping by the norm after summing duplicates, for decay that is part of
    the update, and for restoring sparse gradients.
    """

    decays_itself = False  # True if `updated` applies `step.decay`

    def __init__(self, learning_rate: LearningRate, weight_decay: Hyperparameter | None = None, **kwargs: Any):
        if self.decays_itself:
            check_decay(weight_decay)
        else:
            check_constant_decay(weight_decay)
        check_no_decay(kwargs)
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)

    def updated(self, step: Step) -> tf.Tensor:
        """Return the new values of the rows to update, and update the state variables. Implemented by subclasses."""
        raise NotImplementedError

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update the model variables with their gradients.

        The loss scaling of Keras supports only dense gradients, and its accumulation makes gradients dense. Sparse
        gradients are therefore converted to dense ones for both, and `_backend_update_step` extracts their nonzero
        rows.

        Args:
            grads: List of gradients.
            trainable_variables: List of the corresponding variables. If `None`, the variables that the optimizer was
                built with are used.
        """
        if self.loss_scale_factor or self.gradient_accumulation_steps:
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            variables = built_variables(self) if trainable_variables is None else trainable_variables
            self._made_dense = {
                variable_key(self, variable)
                for gradient, variable in zip(grads, variables, strict=False)  # Keras checks the lengths
                if isinstance(gradient, tf.IndexedSlices)
            }
            grads = [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in grads]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Update one variable, or the rows that occur in its sparse gradient."""
        gradient, indices = merged(gradient), None
        if isinstance(gradient, tf.IndexedSlices):
            gradient, indices = gradient.values, gradient.indices
        dtype = precise(variable.dtype)
        decay = None
        if self.decays_itself and self.weight_decay and uses_weight_decay(self, variable):
            decay = tf.cast(settings.current(self.weight_decay, iterations_variable(self)), dtype)
        step = Step(
            gradient=tf.cast(gradient, dtype),
            rate=read(learning_rate, None, dtype),
            number=tf.cast(self.iterations + 1, dtype),
            decay=decay,
            variable=variable,
            position=variable_index(self, variable),
            indices=indices,
        )
        write(variable, indices, self.updated(step))

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        return {**super().get_config(), "weight_decay": settings.to_config(self.weight_decay)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Create an optimizer from its config."""
        decay = settings.from_config(config.get("weight_decay"), custom_objects)
        return super().from_config({**config, "weight_decay": decay}, custom_objects)

    @overrides_private("_clip_gradients", "Keras clips slices of sparse gradients before duplicates are summed")
    def _clip_gradients(self, grads: Sequence[Gradient]) -> Sequence[Gradient]:
        return clipped(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)

    @overrides_private("_apply_weight_decay", "some subclasses decay the weights in `updated`")
    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        if not self.decays_itself:
            super()._apply_weight_decay(variables)

    @overrides_private("_backend_update_step", "accumulated sparse gradients are dense when Keras passes them")
    def _backend_update_step(
        self, grads: Sequence[Gradient], trainable_variables: Sequence[Variable], learning_rate: Scalar
    ) -> None:
        # Set by `apply` where it converted sparse gradients to dense ones.
        sparse = getattr(self, "_made_dense", ())
        grads = [
            slices(gradient) if variable_key(self, variable) in sparse else gradient
            for gradient, variable in zip(grads, trainable_variables, strict=True)
        ]
        super()._backend_update_step(grads, trainable_variables, learning_rate)
