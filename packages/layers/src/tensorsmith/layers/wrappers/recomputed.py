"""Gradient checkpointing."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.types import NestedTensors, Shapes, Tensor


@export
class Recomputed(keras.layers.Wrapper):
    """A layer, or a block of them, whose activations are not kept for the gradient but computed again for it.

    This is gradient checkpointing: of the block only inputs and outputs stay in memory between the forward and the
    backward pass, for the price of a second forward pass. Wrap the blocks of a deep stack, each by itself; around the
    whole model it saves nothing.

    Losses and gradients are those of the layer. The second pass begins with the seeds and statistics of the first, so
    that dropout has the same mask, and does not move them: batch normalization counts each batch once. Keras' own
    `RematScope` fails on TensorFlow as soon as a layer is given `training` or `mask` in a `tf.function`.

    Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.

    Args:
        layer: A layer or a model.
        **kwargs: `name`, `trainable`, as for every Keras layer; types are those of the layer.

    Call arguments:
        inputs: Those of the layer, all in its first argument.
        training: As the layer takes it.
        mask: As the layer takes it; by default that of the inputs.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Raises:
        ValueError: `layer` is no Keras layer, or, when called, it changes variables that are not its own, as those do
            that draw random numbers without a `keras.random.SeedGenerator` of their own.

    Example:
        >>> import keras
        >>> keras.utils.set_random_seed(1)
        >>> block = keras.Sequential([keras.layers.Dense(64, "gelu"), keras.layers.Dropout(0.1), keras.layers.Dense(4)])
        >>> model = keras.Sequential([keras.Input((4,)), Recomputed(block), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = keras.random.normal((32, 4), seed=1)
        >>> history = model.fit(x, x[:, :1], epochs=10, verbose=0)
        >>> history.history["loss"][-1] < history.history["loss"][0]
        True
    """

    def __init__(self, layer: keras.Layer, **kwargs: Any):
        check(isinstance(layer, keras.layers.Layer), "layer", layer, "a Keras layer")
        super().__init__(layer, autocast=False, **kwargs)
        # Only the layer itself computes in half types: variables that are read as such would be written back rounded.
        self.dtype_policy = keras.DTypePolicy(self.variable_dtype)
        self.supports_masking = True

    def call(
        self, inputs: NestedTensors, training: bool | None = None, mask: NestedTensors | None = None
    ) -> NestedTensors:
        """Calls the layer."""
        weights = self.layer.trainable_variables
        own = {id(variable) for variable in weights}
        state = [variable for variable in self.layer.variables if id(variable) not in own]
        before = [tf.convert_to_tensor(variable.value) for variable in state]
        masks = [None] * len(keras.tree.flatten(inputs)) if mask is None else keras.tree.flatten(mask)

        def run(tensors: Sequence[Tensor]) -> tuple[Any, Any]:
            values, features = tensors[: len(weights)], tensors[len(weights) :]
            for tensor, its_mask in zip(features, masks, strict=True):
                _set_mask(tensor, its_mask)
            mapping = [*zip(weights, values, strict=True), *zip(state, before, strict=True)]
            with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
                return self.layer(keras.tree.pack_sequence_as(inputs, features), training=training), scope

        first: list[Any] = []

        @tf.custom_gradient
        def forward(*tensors: Tensor) -> tuple[Any, Any]:
            first[:] = run(tensors)

            def gradient(*upstream: Tensor | None) -> list[Any]:
                return _gradients(run, tensors, upstream, len(weights))

            return [*keras.tree.flatten(first[0]), *first[1].losses], gradient

        values = [tf.convert_to_tensor(variable.value) for variable in weights]
        flat = forward(*values, *(tf.identity(tensor) for tensor in keras.tree.flatten(inputs)))
        outputs, scope = first
        count = len(keras.tree.flatten(outputs))
        for tensor, original in zip(flat, keras.tree.flatten(outputs), strict=False):
            _set_mask(tensor, getattr(original, "_keras_mask", None))
        for loss in flat[count:]:
            self.add_loss(loss)
        self._update(state, scope)
        return keras.tree.pack_sequence_as(outputs, flat[:count])

    def _update(self, state: list[keras.Variable], scope: keras.StatelessScope) -> None:
        """Gives variables the values that they have after the first pass."""
        known = {id(variable) for variable in self.layer.variables}
        received = Verbatim(f"{self.layer.name}, which changes variables that are not its own")
        remedy = "random layers need a keras.random.SeedGenerator as an attribute"
        check(known.issuperset(scope.state_mapping), "layer", received, "a layer with all that it changes", remedy)
        for variable in state:
            variable.assign(scope.get_current_value(variable))

    def compute_mask(self, inputs: NestedTensors, previous_mask: NestedTensors | None) -> NestedTensors | None:
        """That of the layer."""
        return self.layer.compute_mask(inputs, previous_mask) if self.layer.supports_masking else None

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """That of the layer."""
        return self.layer.compute_output_shape(input_shape)


def _gradients(
    run: Callable[[Sequence[Tensor]], tuple[Any, Any]],
    tensors: Sequence[Tensor],
    upstream: Sequence[Tensor | None],
    weights: int,
) -> list[Any]:
    """Gradients with respect to weights and features, by running again once the gradient of the outputs is there."""
    again = [*tensors[:weights], *(_after(upstream, tensor) for tensor in tensors[weights:])]
    sources = [tensor for tensor in again if _differentiable(tensor)]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(sources)
        outputs, scope = run(again)
    results = zip([*keras.tree.flatten(outputs), *scope.losses], upstream, strict=True)
    reached = [(result, gradient) for result, gradient in results if _differentiable(result) and gradient is not None]
    targets, gradients = zip(*reached, strict=True)
    found = iter(tape.gradient(targets, sources, output_gradients=gradients))
    return [next(found) if _differentiable(tensor) else None for tensor in again]


def _after(upstream: Sequence[Tensor | None], tensor: Tensor) -> Tensor:
    """A tensor that is not there before gradients are. Otherwise compilers see one computation twice, and merge it."""
    if not (tensor.dtype.is_floating or tensor.dtype.is_integer):
        return tensor
    some = next(tf.reshape(each, [-1])[:1] for each in upstream if each is not None and _differentiable(each))
    never = tf.reduce_any(tf.logical_and(some > 0, some < 0))  # nothing that simplifies arithmetic knows this
    return tensor + tf.cast(never, tensor.dtype)


def _differentiable(tensor: Tensor) -> bool:
    return bool(tensor.dtype.is_floating or tensor.dtype.is_complex)


def _set_mask(tensor: Tensor, mask: Tensor | None) -> None:
    if mask is not None:
        tensor._keras_mask = mask  # Keras has no public function for it
