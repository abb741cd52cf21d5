"""Keras optimizers that update all variables in one compiled op."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import SharedDocstrings
from tensorsmith.core.keras_internals import overrides_private, uses_weight_decay, variable_index
from tensorsmith.core.types import Gradient, Scalar, Variable
from tensorsmith.optimizers._support.clipping import clipped
from tensorsmith.optimizers._support.rows import merged

ARGUMENTS = """\
**kwargs: Base optimizer keyword arguments, such as `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`,
    `ema_momentum`, `ema_overwrite_frequency`, `loss_scale_factor`, `gradient_accumulation_steps` and `name`. Clipping
    by `global_clipnorm` is part of the compiled op."""
RAISES = """\
Raises:
    ValueError: If a number is out of range, or Keras rejects an argument."""


class _Unclipped(list[Any]):
    """List of gradients that Keras must not clip, because the compiled op clips them."""


class FusedUpdate(SharedDocstrings, keras.optimizers.Optimizer):
    """Mixin for Keras optimizers that update all variables in one op. It must precede the Keras base class.

    Keras has no public method between `apply`, which performs the entire step, and `update_step`, which updates one
    variable. `apply` calls the three methods overridden below, which the optimizers of individual backends override,
    too: they clip the gradients, decay the weights and update the variables. Here the last one does all of this in one
    op. The phases before and after (loss scaling, accumulation, averages, constraints) are those of Keras.

    The implementation of Keras is used where there is no kernel: under XLA and distribution strategies, with `amsgrad`,
    and for variables that are not `float32`. Duplicate indices of sparse gradients are summed first, because the update
    is not linear in the slices: Keras squares and clips each of them. An update that changes all rows of a variable,
    like those of Keras with moments, gets dense gradients; the others leave sparse ones to Keras.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {"keras": ARGUMENTS, "raises": RAISES}

    def fused_update(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor], **settings: Any) -> None:
        """Update the model variables and the optimizer state in one compiled op. Implemented by subclasses.

        Args:
            variables: List of variables of dtype `float32`.
            gradients: List of the corresponding dense gradients.
            **settings: Keyword arguments `learning_rate`, `weight_decay` and `global_clipnorm` of the compiled op.
        """
        raise NotImplementedError

    def has_kernel(self) -> bool:
        """Return `True` if the compiled op supports the hyperparameters of the optimizer."""
        return True

    def changes_all_rows(self) -> bool:
        """Return `True` if an update also changes the rows without a gradient, by momentum or weight decay."""
        return True

    def _fuses(self) -> bool:
        return self.has_kernel() and ops.compiled() and not tf.distribute.has_strategy()

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Update one variable with the Keras implementation, after summing the gradients of all replicas."""
        super().update_step(_with_rows_once(gradient), variable, learning_rate)

    @overrides_private("_clip_gradients", "the compiled update clips, and Keras clips duplicates separately")
    def _clip_gradients(self, grads: Sequence[Gradient]) -> Sequence[Gradient]:
        return _Unclipped(grads) if self.global_clipnorm and self._fuses() else self._clipped(grads)

    def _clipped(self, grads: Sequence[Gradient]) -> Sequence[Gradient]:
        if any(isinstance(gradient, tf.IndexedSlices) for gradient in grads):
            return clipped(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
        return super()._clip_gradients(grads)

    @overrides_private("_apply_weight_decay", "the compiled update decays the weights")
    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        if not self._fuses():
            super()._apply_weight_decay(variables)

    @overrides_private("_backend_update_step", "`update_step` receives a single variable")
    def _backend_update_step(
        self, grads: Sequence[Gradient], trainable_variables: Sequence[Variable], learning_rate: Scalar
    ) -> None:
        if not self._fuses():
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        variables = [v.value if isinstance(v, keras.Variable) else v for v in trainable_variables]
        unclipped = isinstance(grads, _Unclipped)
        if self.changes_all_rows():
            grads = [_dense(gradient, variable) for gradient, variable in zip(grads, variables, strict=True)]
        # The op can clip by the global norm only if it receives all gradients.
        clipnorm = None
        if unclipped:
            if all(map(_fits, grads, variables)):
                clipnorm = self.global_clipnorm
            else:
                grads = self._clipped(grads)
        fit = [_fits(gradient, variable) for gradient, variable in zip(grads, variables, strict=True)]
        # Variables without a kernel are updated by Keras, the others by the op.
        if not all(fit):
            rest = [i for i, fits in enumerate(fit) if not fits]
            super()._apply_weight_decay([variables[i] for i in rest])
            super()._backend_update_step([grads[i] for i in rest], [variables[i] for i in rest], learning_rate)
        if any(fit):
            chosen = [i for i, fits in enumerate(fit) if fits]
            decay = 0.0 if self.weight_decay is None else self.weight_decay
            # Variables excluded from weight decay get a decay of 0, so that one op updates all variables.
            decays = [decay if uses_weight_decay(self, variables[i]) else 0.0 for i in chosen]
            self.fused_update(
                [variables[i] for i in chosen],
                [tf.cast(grads[i], tf.float32) for i in chosen],
                learning_rate=learning_rate,
                weight_decay=decays,
                global_clipnorm=clipnorm,
            )

    def slots(self, kept: Sequence[keras.Variable], variables: Sequence[tf.Variable]) -> list[tf.Variable]:
        """Return the state variables that correspond to the given model variables.

        Args:
            kept: List of state variables of one type, such as first moments. There is one state variable for each
                variable of the optimizer, in the same order.
            variables: Model variables whose state variables are returned.
        """
        return [kept[variable_index(self, variable)].value for variable in variables]


def assign(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    """Assign a value to each variable by transferring buffers instead of copying them."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value, read_value=False)


def _dense(gradient: Gradient, variable: Variable) -> Gradient:
    """Return the gradient of a `float32` variable as a dense tensor."""
    if not isinstance(gradient, tf.IndexedSlices) or variable.dtype != tf.float32:
        return gradient
    values = tf.cast(gradient.values, tf.float32)
    return tf.math.unsorted_segment_sum(values, gradient.indices, variable.shape[0])


def _with_rows_once(gradient: Gradient) -> Gradient:
    return merged(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def _fits(gradient: Gradient, variable: Variable) -> bool:
    """Return `True` if the compiled kernels support the variable and its gradient."""
    return (
        not isinstance(gradient, tf.IndexedSlices)
        and variable.dtype == tf.float32
        and not isinstance(variable, tf.distribute.DistributedValues)
    )
