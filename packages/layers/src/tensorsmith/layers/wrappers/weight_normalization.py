"""Wrapper for weight normalization of a layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import check, export
from tensorsmith.core.types import NestedTensors, Shapes, Tensor, Variable
from tensorsmith.layers._support.with_kernel import TRANSPOSED


@export
class WeightNormalization(keras.layers.Wrapper):
    """Wrapper that decouples the magnitude and direction of a layer's kernel to accelerate training.

    The kernel of the wrapped layer is v; for recurrent layers, v is the recurrent kernel. Formula, with the norm over
    all axes of v except the last one:

        kernel = g v / |v|

    The first call initializes g. Without `data_init`, g is |v|, so that the layer is unchanged. With `data_init`, g is
    computed from the standard deviation of the outputs, and the bias from their mean. With `"paper"`, this happens in
    the first call in training, and inference before it uses g = 1. With `True`, it happens in the first call of any
    kind, as in TensorFlow Addons. Outputs without variation, such as those of a single example, leave g at 1, and the
    initialization is repeated in the next call. With several replicas, their initial values are averaged.

    Unlike the wrapper of TensorFlow Addons, this one does not replace the variables of the layer, so that it can be
    saved, exported and compiled by XLA. The order of `weights` is g, initialized, and then those of the layer.
    TensorFlow Addons saves two more, `data_dep_init`, which must be removed from its files: see the README of
    tensorsmith-tools.

    Source: Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep
    Neural Networks", 2016.

    Args:
        layer: Recurrent layer, or another layer with a kernel.
        data_init: `True`, `"paper"` or `False`, the initialization of the magnitude g, given the kernel v and the first
            batch x. `True` divides by the standard deviation of x v, as in TensorFlow Addons. `"paper"` divides by the
            standard deviation of x v / |v|, so that the outputs for the first training batch have mean 0 and variance
            1, as in the paper. `False` sets g = |v|, independently of the data, as the paper recommends for recurrent
            layers.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Inputs of the wrapped layer. Other arguments are passed on to it.
        training: Passed on to the wrapped layer.

    Input shape:
        Same as that of the wrapped layer.

    Output shape:
        Same as that of the wrapped layer.

    Raises:
        ValueError: If `layer` is not a Keras layer or does not have a kernel whose last axis corresponds to the
            outputs, or `data_init` is unknown.

    Example:
        >>> import keras
        >>> layer = WeightNormalization(keras.layers.Dense(3), data_init="paper")
        >>> y = layer(5 + 2 * keras.random.normal((1000, 4), seed=1), training=True)
        >>> print(abs(keras.ops.mean(y, 0).numpy().round(3)), keras.ops.std(y, 0).numpy().round(3))
        [0. 0. 0.] [1. 1. 1.]
    """

    def __init__(self, layer: keras.Layer, data_init: bool | str = True, **kwargs: Any):
        check(isinstance(layer, keras.layers.Layer), "layer", layer, "a Keras layer")
        check(data_init in (True, False, "paper"), "data_init", data_init, "True, False or 'paper'")
        super().__init__(layer, **kwargs)
        # Only the wrapped layer computes in half precision: weights would otherwise be rounded when written back.
        self.dtype_policy = keras.DTypePolicy(self.variable_dtype)
        self.supports_masking = layer.supports_masking
        self.data_init = data_init

    def build(self, input_shape: Shapes | None = None) -> None:
        """Creates the weight g, which contains the magnitudes of the kernel."""
        super().build(input_shape)
        fits = isinstance(self.v, keras.Variable) and not isinstance(self.layer, TRANSPOSED)
        if fits and not isinstance(self.layer, keras.layers.RNN):
            fits = self.layer.compute_output_shape(input_shape)[-1] == self.v.shape[-1]
        expected = "a layer with a `kernel` whose last axis is the output axis"
        check(fits, "layer", self.layer, expected, "wrap the inner layers one by one")
        self.g = self.add_weight(shape=self.v.shape[-1:], name="g", initializer="ones")
        self.initialized = self.add_weight(
            shape=(), name="initialized", initializer="zeros", dtype="bool", trainable=False
        )

    def call(self, inputs: NestedTensors, training: bool | None = None, **kwargs: Any) -> NestedTensors:
        """Calls the layer with the kernel computed from the magnitudes `g` and the directions `v`.

        Keras passes `training` on to the layer.
        """
        lengths, bias = self._lengths, getattr(self.layer, "bias", None)
        initialized = self.initialized.value
        if self.data_init and (training or self.data_init != "paper"):
            variables = [self.g] if bias is None else [self.g, bias]
            old = [variable.value for variable in variables]
            # The layer runs on the data only until the initialization has succeeded.
            found, *new = ops.cond(
                initialized, lambda: [initialized, *old], lambda: self._from_data(inputs, old, kwargs)
            )
            for variable, before, value in zip(variables, old, new, strict=True):
                variable.assign(ops.where(initialized, before, _mean_of_replicas(value)))
            self.initialized.assign(_mean_of_replicas(ops.cast(found, "float32")) > 0)
        elif not self.data_init:
            self.g.assign(ops.where(initialized, self.g, lengths))
            self.initialized.assign(True)
        # The normalized kernel takes the place of v during the call. Other state updates are written back below.
        outputs, scope = self._call_with(self.v * (self.g / lengths), inputs, kwargs)
        for variable in self.layer.non_trainable_variables:
            if variable is not self.v:
                variable.assign(scope.get_current_value(variable))
        for loss in scope.losses:
            self.add_loss(loss)
        return outputs

    @property
    def v(self) -> Variable:
        """Weight v, which contains the directions of the kernel and is the kernel variable of the wrapped layer."""
        if isinstance(self.layer, keras.layers.RNN):
            return getattr(self.layer.cell, "recurrent_kernel", None)
        return getattr(self.layer, "kernel", None)

    def remove(self) -> keras.Layer:
        """Returns the wrapped layer with its current effective kernel."""
        # Without data-dependent initialization, the first call sets g to the norms of v, which keeps the kernel.
        if self.data_init or bool(self.initialized.value):
            self.v.assign(self.v * (self.g / self._lengths))
        return self.layer

    @property
    def _lengths(self) -> Tensor:
        """Norm of the weight `v` for each output unit, with sums of squares below 1e-12 replaced by 1e-12."""
        # One norm for each output unit: (units,).
        squares = ops.sum(ops.square(self.v), axis=list(range(len(self.v.shape) - 1)))
        return ops.sqrt(ops.maximum(squares, 1e-12))

    def _from_data(self, inputs: NestedTensors, old: Sequence[Tensor], kwargs: Mapping[str, Any]) -> list[Tensor]:
        """Returns initial values of `g` and the bias, computed from layer outputs before the activation.

        The first element of the result is `True` if the outputs vary, so that the initialization succeeded.
        """
        # The paper measures outputs with kernels of unit length, TensorFlow Addons with v itself.
        kernel = self.v / self._lengths if self.data_init == "paper" else self.v.value
        recurrent = isinstance(self.layer, keras.layers.RNN)
        activation = None if recurrent else getattr(self.layer, "activation", None)
        if activation is not None:
            self.layer.activation = keras.activations.linear
        try:
            y, _ = self._call_with(kernel, inputs, kwargs)
        finally:
            if activation is not None:
                self.layer.activation = activation
        y = ops.cast(keras.tree.flatten(y)[0], self.variable_dtype)  # a recurrent layer may also return its states
        # Statistics of each output unit: (units,).
        mean, variance = ops.moments(y, axes=list(range(len(y.shape) - 1)))
        varies = ops.logical_and(ops.isfinite(variance), variance > 1e-10)
        # Data-dependent initialization of the paper: g = 1 / sigma and bias = -mean / sigma.
        scale = ops.rsqrt(ops.where(varies, variance, 1) + 1e-10)
        gates = self.g.shape[0] // scale.shape[0]  # gates of a recurrent layer
        g = old[0] * ops.tile(ops.where(varies, scale, 1), [gates])
        return [ops.any(varies), g, *(ops.where(varies, -mean * scale, bias) for bias in old[1:])]

    def _call_with(
        self, kernel: Tensor, inputs: NestedTensors, kwargs: Mapping[str, Any]
    ) -> tuple[NestedTensors, keras.StatelessScope]:
        """Calls the wrapped layer with the given kernel.

        Returns its outputs, and the scope with its states and losses.
        """
        kernel = ops.cast(kernel, self.layer.compute_dtype)
        values = [(variable, kernel if variable is self.v else variable.value) for variable in self.layer.variables]
        with keras.StatelessScope(state_mapping=values, collect_losses=True) as scope:
            return self.layer(inputs, **kwargs), scope

    def compute_mask(self, *args: Any, **kwargs: Any) -> NestedTensors | None:
        """Returns the output mask of the wrapped layer."""
        return self.layer.compute_mask(*args, **kwargs)

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """Returns the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "data_init": self.data_init}


def _mean_of_replicas(value: Tensor) -> Tensor:
    """Returns the mean of a value over the replicas of the distribution strategy."""
    context = tf.distribute.get_replica_context()  # `None` while Keras traces in the scope of a strategy
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
