"""Keras' optimizers with the update of all variables in one op."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import SharedDocstrings
from tensorsmith.core.types import Gradient, Scalar, Variable
from tensorsmith.optimizers._support.clipping import clipped
from tensorsmith.optimizers._support.rows import merged

ARGUMENTS = """\
**kwargs: `clipnorm`, `clipvalue`, `global_clipnorm`, `use_ema`, `ema_momentum`, `ema_overwrite_frequency`,
    `loss_scale_factor`, `gradient_accumulation_steps`, `name`, as for every Keras optimizer; clipping by
    `global_clipnorm` is part of the op."""
RAISES = """\
Raises:
    ValueError: A number is out of its range, or Keras' own refuses an argument."""


class _Unclipped(list[Any]):
    """Gradients whose clipping was left to the update."""


class FusedUpdate(SharedDocstrings, keras.optimizers.Optimizer):
    """What the optimizers here share; it stands before one of Keras' own among the bases of a class.

    Between `apply`, which does everything, and `update_step`, which does one variable, Keras has no public method. Its
    `apply` calls in turn the three methods below, which its own optimizers of single backends override, too: one clips
    the gradients, one decays the weights, and one updates the variables. Here the last does the work of all three in
    one op. What comes before and after (loss scaling, accumulation, averages, constraints) stays Keras'.

    Keras' own way is taken wherever there is no kernel: under XLA and distribution strategies, with `amsgrad`, and for
    variables that are not float32 or have a sparse gradient. Slices of one row are summed first, as neither their
    squares, of which Keras' own takes each, nor their clipped values add up to the row's.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {"keras": ARGUMENTS, "raises": RAISES}

    def fused_update(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor], **settings: Any) -> None:
        """Updates the variables and what the optimizer keeps of them; a subclass says how.

        Args:
            variables: Of float32.
            gradients: A dense tensor for each.
            **settings: `learning_rate`, `weight_decay` and `global_clipnorm`, as the ops take them.
        """
        raise NotImplementedError

    def has_kernel(self) -> bool:
        """Whether there is a kernel for this optimizer's settings."""
        return True

    def _fuses(self) -> bool:
        return self.has_kernel() and ops.compiled() and not tf.distribute.has_strategy()

    def update_step(self, gradient: Gradient, variable: Variable, learning_rate: Scalar) -> None:
        """Updates one variable in Keras' way, once replicas have added up their gradients."""
        super().update_step(_with_rows_once(gradient), variable, learning_rate)

    def _clip_gradients(self, grads: Sequence[Gradient]) -> Sequence[Gradient]:
        return _Unclipped(grads) if self.global_clipnorm and self._fuses() else self._clipped(grads)

    def _clipped(self, grads: Sequence[Gradient]) -> Sequence[Gradient]:
        if any(isinstance(gradient, tf.IndexedSlices) for gradient in grads):
            return clipped(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
        return super()._clip_gradients(grads)

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        if not self._fuses():
            super()._apply_weight_decay(variables)

    def _backend_update_step(
        self, grads: Sequence[Gradient], trainable_variables: Sequence[Variable], learning_rate: Scalar
    ) -> None:
        if not self._fuses():
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        variables = [v.value if isinstance(v, keras.Variable) else v for v in trainable_variables]
        clipnorm = None
        if isinstance(grads, _Unclipped):
            if all(map(_fits, grads, variables)):
                clipnorm = self.global_clipnorm
            else:
                grads = self._clipped(grads)
        fit = [_fits(gradient, variable) for gradient, variable in zip(grads, variables, strict=True)]
        if not all(fit):
            rest = [i for i, fits in enumerate(fit) if not fits]
            super()._apply_weight_decay([variables[i] for i in rest])
            super()._backend_update_step([grads[i] for i in rest], [variables[i] for i in rest], learning_rate)
        if any(fit):
            chosen = [i for i, fits in enumerate(fit) if fits]
            decay = 0.0 if self.weight_decay is None else self.weight_decay
            decays = [decay if self._use_weight_decay(variables[i]) else 0.0 for i in chosen]
            self.fused_update(
                [variables[i] for i in chosen],
                [tf.cast(grads[i], tf.float32) for i in chosen],
                learning_rate=learning_rate,
                weight_decay=decays,
                global_clipnorm=clipnorm,
            )

    def slots(self, kept: Sequence[keras.Variable], variables: Sequence[tf.Variable]) -> list[tf.Variable]:
        """The optimizer's variables that belong to some of the model's.

        Args:
            kept: All of one kind, in the order of the variables that the optimizer was built with.
            variables: The model's.
        """
        return [kept[self._get_variable_index(variable)].value for variable in variables]


def assign(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    """Gives each variable its new value; the buffers change hands, and nothing is copied."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value, read_value=False)


def _with_rows_once(gradient: Gradient) -> Gradient:
    return merged(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def _fits(gradient: Gradient, variable: Variable) -> bool:
    """Whether the kernels take this variable with this gradient."""
    return (
        not isinstance(gradient, tf.IndexedSlices)
        and variable.dtype == tf.float32
        and not isinstance(variable, tf.distribute.DistributedValues)
    )
