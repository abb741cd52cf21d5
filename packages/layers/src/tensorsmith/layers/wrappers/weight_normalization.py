"""Weight normalization."""

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
    """A layer whose kernel has its lengths and its directions as weights of their own, which eases training.

    The kernel of the wrapped layer is v; of a recurrent layer it is the recurrent kernel. Formula, over all axes of v
    but the last:

        kernel = g v / |v|

    The first call sets g: to |v|, so that the layer is what it was; or, with `data_init`, by the spread of the outputs
    for its inputs, and the bias by their mean. With "paper" it is the first call in training, and inference before it
    changes nothing, g being 1; else it is the first of all, in inference as in training, as in TensorFlow Addons. To
    begin with data takes inputs that vary: outputs that do not, as of a single example, keep g at 1 and wait for a call
    with others. On several replicas it is the mean of what each begins with.

    Unlike TensorFlow Addons' the layer keeps its variables: nothing is put in the kernel's place, and the layer can be
    saved, exported and compiled by XLA. The order of `weights` is g, initialized, then those of the layer; Addons saves
    two more, `data_dep_init`, which have to be taken out of its files: the README of tensorsmith-tools shows how.

    Source: Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep
    Neural Networks", 2016.

    Args:
        layer: A layer with a kernel, or a recurrent one.
        data_init: True divides by the standard deviation of x v, as TensorFlow Addons does; "paper" by that of
            x v / |v| for the first batch of training, whose outputs have mean 0 and variance 1 then, as in the paper;
            False takes g = |v|, which the paper advises for recurrent layers.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Those of the layer, whose other arguments are passed on.
        training: As the layer takes it.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Raises:
        ValueError: `layer` is no Keras layer or has no kernel with an output for each number of its last axis, or
            `data_init` is unknown.

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
        # Only the layer itself computes in half types: weights that are read as such would be written back rounded.
        self.dtype_policy = keras.DTypePolicy(self.variable_dtype)
        self.supports_masking = layer.supports_masking
        self.data_init = data_init

    def build(self, input_shape: Shapes | None = None) -> None:
        """Makes the lengths."""
        super().build(input_shape)
        fits = isinstance(self.v, keras.Variable) and not isinstance(self.layer, TRANSPOSED)
        if fits and not isinstance(self.layer, keras.layers.RNN):
            fits = self.layer.compute_output_shape(input_shape)[-1] == self.v.shape[-1]
        expected = "a layer with a `kernel`, whose last axis is that of the outputs"
        check(fits, "layer", self.layer, expected, "wrap the layers inside it, one by one")
        self.g = self.add_weight(shape=self.v.shape[-1:], name="g", initializer="ones")
        self.initialized = self.add_weight(
            shape=(), name="initialized", initializer="zeros", dtype="bool", trainable=False
        )

    def call(self, inputs: NestedTensors, training: bool | None = None, **kwargs: Any) -> NestedTensors:
        """Calls the layer, which Keras tells whether it is training, with the kernel that g and v give."""
        lengths, bias = self._lengths, getattr(self.layer, "bias", None)
        initialized = self.initialized.value
        if self.data_init and (training or self.data_init != "paper"):
            variables = [self.g] if bias is None else [self.g, bias]
            old = [variable.value for variable in variables]
            found, *new = ops.cond(
                initialized, lambda: [initialized, *old], lambda: self._from_data(inputs, old, kwargs)
            )
            for variable, before, value in zip(variables, old, new, strict=True):
                variable.assign(ops.where(initialized, before, _mean_of_replicas(value)))
            self.initialized.assign(_mean_of_replicas(ops.cast(found, "float32")) > 0)
        elif not self.data_init:
            self.g.assign(ops.where(initialized, self.g, lengths))
            self.initialized.assign(True)
        outputs, scope = self._call_with(self.v * (self.g / lengths), inputs, kwargs)
        for variable in self.layer.non_trainable_variables:
            if variable is not self.v:
                variable.assign(scope.get_current_value(variable))
        for loss in scope.losses:
            self.add_loss(loss)
        return outputs

    @property
    def v(self) -> Variable:
        """The directions: the layer's own variable."""
        if isinstance(self.layer, keras.layers.RNN):
            return getattr(self.layer.cell, "recurrent_kernel", None)
        return getattr(self.layer, "kernel", None)

    def remove(self) -> keras.Layer:
        """The layer by itself, with the kernel that it has now."""
        if bool(self.initialized.value):
            self.v.assign(self.v * (self.g / self._lengths))
        return self.layer

    @property
    def _lengths(self) -> Tensor:
        """|v|, or the square root of TensorFlow's smallest sum of squares."""
        squares = ops.sum(ops.square(self.v), axis=list(range(len(self.v.shape) - 1)))
        return ops.sqrt(ops.maximum(squares, 1e-12))

    def _from_data(self, inputs: NestedTensors, old: Sequence[Tensor], kwargs: Mapping[str, Any]) -> list[Tensor]:
        """Whether there is something to begin with; g and a bias then, by the layer's outputs before its activation."""
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
        y = ops.cast(keras.tree.flatten(y)[0], self.variable_dtype)  # a recurrent layer may return its states, too
        mean, variance = ops.moments(y, axes=list(range(len(y.shape) - 1)))
        varies = ops.logical_and(ops.isfinite(variance), variance > 1e-10)
        scale = ops.rsqrt(ops.where(varies, variance, 1) + 1e-10)
        gates = self.g.shape[0] // scale.shape[0]  # of a recurrent layer, side by side
        g = old[0] * ops.tile(ops.where(varies, scale, 1), [gates])
        return [ops.any(varies), g, *(ops.where(varies, -mean * scale, bias) for bias in old[1:])]

    def _call_with(
        self, kernel: Tensor, inputs: NestedTensors, kwargs: Mapping[str, Any]
    ) -> tuple[NestedTensors, keras.StatelessScope]:
        """The layer's outputs with another kernel than its own, and the scope that has its states and losses."""
        kernel = ops.cast(kernel, self.layer.compute_dtype)
        values = [(variable, kernel if variable is self.v else variable.value) for variable in self.layer.variables]
        with keras.StatelessScope(state_mapping=values, collect_losses=True) as scope:
            return self.layer(inputs, **kwargs), scope

    def compute_mask(self, *args: Any, **kwargs: Any) -> NestedTensors | None:
        """That of the layer."""
        return self.layer.compute_mask(*args, **kwargs)

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """That of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "data_init": self.data_init}


def _mean_of_replicas(value: Tensor) -> Tensor:
    """The mean over the replicas of a strategy, if there are several."""
    context = tf.distribute.get_replica_context()  # None while Keras traces a model in a strategy's scope
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
