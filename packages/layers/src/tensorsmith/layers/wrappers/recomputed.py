"""Wrapper for gradient checkpointing, which trades computation for memory."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.keras_internals import keras_mask, set_keras_mask
from tensorsmith.core.types import NestedTensors, Shapes, Tensor


@export
class Recomputed(keras.layers.Wrapper):
    """Wrapper for gradient checkpointing: recomputes the activations of a layer during the backward pass.

    Only the inputs and outputs of the block stay in memory between the forward and the backward pass, at the cost of a
    second forward pass. Wrap each block of a deep stack separately; wrapping the whole model does not save memory.

    Losses and gradients are those of the layer. The second pass starts with the seeds and statistics of the first one,
    and does not update them: dropout uses the same mask, and batch normalization counts each batch once. With
    TensorFlow, the `RematScope` of Keras fails if a layer is called with `training` or `mask` in a `tf.function`.

    Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.

    Args:
        layer: Layer or model to wrap.
        **kwargs: Base layer keyword arguments, such as `name` and `trainable`. The dtype policy of the wrapped layer is
            used.

    Call arguments:
        inputs: Inputs of the wrapped layer, all in its first argument.
        training: Passed on to the wrapped layer.
        mask: Passed on to the wrapped layer. Defaults to the mask of the inputs.

    Input shape:
        Same as that of the wrapped layer.

    Output shape:
        Same as that of the wrapped layer.

    Raises:
        ValueError: If `layer` is not a Keras layer, or, when called, updates variables that do not belong to it, such
            as those of random generators that are not a `keras.random.SeedGenerator` of the layer.

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
        # Only the wrapped layer computes in half precision: variables would otherwise be rounded when written back.
        self.dtype_policy = keras.DTypePolicy(self.variable_dtype)
        self.supports_masking = True

    def call(
        self, inputs: NestedTensors, training: bool | None = None, mask: NestedTensors | None = None
    ) -> NestedTensors:
        """Calls the wrapped layer without keeping its activations for the backward pass."""
        weights = self.layer.trainable_variables
        own = {id(variable) for variable in weights}
        state = [variable for variable in self.layer.variables if id(variable) not in own]
        # Seeds and statistics before the first pass, from which the second pass also starts.
        before = [tf.convert_to_tensor(variable.value) for variable in state]
        masks = [None] * len(keras.tree.flatten(inputs)) if mask is None else keras.tree.flatten(mask)

        def run(tensors: Sequence[Tensor]) -> tuple[Any, Any]:
            # The weights come first, then the flattened inputs.
            values, features = tensors[: len(weights)], tensors[len(weights) :]
            for tensor, its_mask in zip(features, masks, strict=True):
                _set_mask(tensor, its_mask)
            mapping = [*zip(weights, values, strict=True), *zip(state, before, strict=True)]
            with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
                return self.layer(keras.tree.pack_sequence_as(inputs, features), training=training), scope

        # Only the tensors that `forward` receives are kept for the backward pass, not the activations inside of `run`.
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
            _set_mask(tensor, keras_mask(original))
        for loss in flat[count:]:
            self.add_loss(loss)
        self._update(state, scope)
        return keras.tree.pack_sequence_as(outputs, flat[:count])

    def _update(self, state: list[keras.Variable], scope: keras.StatelessScope) -> None:
        """Updates the seeds and statistics of the layer to the values after the first forward pass."""
        known = {id(variable) for variable in self.layer.variables}
        received = Verbatim(f"{self.layer.name}, which updates variables that it does not own")
        remedy = "store the keras.random.SeedGenerator of a random layer as an attribute of that layer"
        check(
            known.issuperset(scope.state_mapping),
            "layer",
            received,
            "a layer that owns all the variables that it updates",
            remedy,
        )
        for variable in state:
            variable.assign(scope.get_current_value(variable))

    def compute_mask(self, inputs: NestedTensors, previous_mask: NestedTensors | None) -> NestedTensors | None:
        """Returns the output mask of the wrapped layer."""
        return self.layer.compute_mask(inputs, previous_mask) if self.layer.supports_masking else None

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """Returns the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(input_shape)


def _gradients(
    run: Callable[[Sequence[Tensor]], tuple[Any, Any]],
    tensors: Sequence[Tensor],
    upstream: Sequence[Tensor | None],
    weights: int,
) -> list[Any]:
    """Returns the gradients with respect to the weights and inputs of the wrapped layer.

    The layer is run again, after the gradients of its outputs are available.
    """
    again = [*tensors[:weights], *(_after(upstream, tensor) for tensor in tensors[weights:])]
    sources = [tensor for tensor in again if _differentiable(tensor)]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(sources)
        outputs, scope = run(again)
    results = zip([*keras.tree.flatten(outputs), *scope.losses], upstream, strict=True)
    # Results without a gradient, such as integers, are skipped.
    reached = [(result, gradient) for result, gradient in results if _differentiable(result) and gradient is not None]
    targets, gradients = zip(*reached, strict=True)
    found = iter(tape.gradient(targets, sources, output_gradients=gradients))
    # `custom_gradient` requires one entry per tensor, which is `None` for integers.
    return [next(found) if _differentiable(tensor) else None for tensor in again]


def _after(upstream: Sequence[Tensor | None], tensor: Tensor) -> Tensor:
    """Returns a copy of a tensor with a control dependency on the upstream gradients.

    Without this dependency, compilers would merge the second forward pass with the first one.
    """
    if not (tensor.dtype.is_floating or tensor.dtype.is_integer):
        return tensor
    some = next(tf.reshape(each, [-1])[:1] for each in upstream if each is not None and _differentiable(each))
    never = tf.reduce_any(tf.logical_and(some > 0, some < 0))  # always `False`, but not simplified by compilers
    return tensor + tf.cast(never, tensor.dtype)


def _differentiable(tensor: Tensor) -> bool:
    return bool(tensor.dtype.is_floating or tensor.dtype.is_complex)


def _set_mask(tensor: Tensor, mask: Tensor | None) -> None:
    if mask is not None:
        set_keras_mask(tensor, mask)
