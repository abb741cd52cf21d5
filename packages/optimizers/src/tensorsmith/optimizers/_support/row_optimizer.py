"""What the optimizers without kernels share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import tensorflow as tf

from tensorsmith.core.types import Gradient, Hyperparameter, LearningRate, Scalar, Variable
from tensorsmith.optimizers._support import settings
from tensorsmith.optimizers._support.arguments import check_constant_decay, check_decay
from tensorsmith.optimizers._support.clipping import clipped
from tensorsmith.optimizers._support.rows import merged, native, precise, read, slices, write
from tensorsmith.optimizers._support.slots import SlotKeeper, Slots


@dataclass(frozen=True)
class Step:
    """One step of one variable, or of those of its rows that have a gradient.

    Attributes:
        gradient: Of the rows.
        rate: The learning rate.
        number: Counted from 1.
        decay: What `weight_decay` is for the variable now; None if its weights do not decay.
        variable: The variable.
        place: Its place among those the optimizer was built with.
        indices: Which rows; None for all.
    """

    gradient: tf.Tensor
    rate: tf.Tensor
    number: tf.Tensor
    decay: Any
    variable: Any
    place: int
    indices: Any

    @property
    def weights(self) -> tf.Tensor:
        """The variable's rows."""
        return read(self.variable, self.indices, self.gradient.dtype)

    def kept(self, slots: Slots) -> tf.Tensor:
        """The rows of what is kept of the variable."""
        return read(slots[self.place], self.indices, self.gradient.dtype)

    def keep(self, slots: Slots, values: tf.Tensor) -> tf.Tensor:
        """Keeps other values for the rows, and returns them."""
        write(slots[self.place], self.indices, values)
        return values

    def kept_whole(self, slots: Slots) -> tf.Tensor:
        """What is kept of the variable as a whole."""
        return read(slots[self.place], None, self.gradient.dtype)

    def keep_whole(self, slots: Slots, value: tf.Tensor) -> None:
        """Keeps another value of the variable as a whole."""
        write(slots[self.place], None, value)

    def fade(self, slots: Slots, share: float, gain: tf.Tensor) -> tf.Tensor:
        """Keeps a share of what is kept of all rows, with or without gradient, and adds the gain to those with one."""
        if self.indices is not None:
            slot = native(slots[self.place])
            slot.assign(share * slot)
            share = 1.0
        return self.keep(slots, share * self.kept(slots) + gain)


class RowOptimizer(SlotKeeper):
    """An optimizer that says in `updated` what becomes of weights, and needs not care what rows they are.

    A sparse gradient stays sparse: slices of one row are summed, and only rows that it names get new weights. Half
    precision is computed in float32, and what is kept of such variables is float32, too.

    Between `apply` and `update_step` Keras has no public method; of those it calls in between, three are replaced here,
    as `FusedUpdate` says: for clipping by true norms, for decay that is part of the update, and for gradients that are
    sparse again.
    """

    decays_itself = False  # whether `updated` decays the weights, by `step.decay`

    def __init__(self, learning_rate: LearningRate, weight_decay: Hyperparameter | None = None, **kwargs: Any):
        if self.decays_itself:
            check_decay(weight_decay)
        else:
            check_constant_decay(weight_decay)
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)

    def updated(self, step: Step) -> tf.Tensor:
        """The new weights of the rows; a subclass says how, and keeps what it keeps of them."""
        raise NotImplementedError

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Updates the variables.

        Keras' scaling of losses takes dense gradients only, and its accumulation makes them dense. They go through
        these dense, and `_backend_update_step` takes the rows that are not 0 out of them.

        Args:
            grads: The gradients.
            trainable_variables: A variable for each; those the optimizer was built with if None.
        """
        if self.loss_scale_factor or self.gradient_accumulation_steps:
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            variables = self._trainable_variables if trainable_variables is None else trainable_variables
            self._made_dense = {
                self._var_key(variable)
                for gradient, variable in zip(grads, variables, strict=False)  # Keras checks that they fit
                if isinstance(gradient, tf.IndexedSlices)
            }
            grads = [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in grads]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Updates one variable, or the rows that a sparse gradient names."""
        gradient, indices = merged(gradient), None
        if isinstance(gradient, tf.IndexedSlices):
            gradient, indices = gradient.values, gradient.indices
        dtype = precise(variable.dtype)
        decay = None
        if self.decays_itself and self.weight_decay and self._use_weight_decay(variable):
            decay = tf.cast(settings.current(self.weight_decay, self._iterations), dtype)
        step = Step(
            gradient=tf.cast(gradient, dtype),
            rate=read(learning_rate, None, dtype),
            number=tf.cast(self.iterations + 1, dtype),
            decay=decay,
            variable=variable,
            place=self._get_variable_index(variable),
            indices=indices,
        )
        write(variable, indices, self.updated(step))

    def get_config(self) -> dict[str, Any]:
        """The arguments of every Keras optimizer."""
        return {**super().get_config(), "weight_decay": settings.to_config(self.weight_decay)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """An optimizer with the arguments of `get_config`."""
        decay = settings.from_config(config.get("weight_decay"), custom_objects)
        return super().from_config({**config, "weight_decay": decay}, custom_objects)

    def _clip_gradients(self, grads: Sequence[Gradient]) -> Sequence[Gradient]:
        return clipped(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        if not self.decays_itself:
            super()._apply_weight_decay(variables)

    def _backend_update_step(
        self, grads: Sequence[Gradient], trainable_variables: Sequence[Variable], learning_rate: Scalar
    ) -> None:
        sparse = getattr(self, "_made_dense", ())
        grads = [
            slices(gradient) if self._var_key(variable) in sparse else gradient
            for gradient, variable in zip(grads, trainable_variables, strict=True)
        ]
        super()._backend_update_step(grads, trainable_variables, learning_rate)
