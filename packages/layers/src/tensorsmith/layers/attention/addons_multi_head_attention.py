"""Multi-head attention layer that is compatible with TensorFlow Addons."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Constraint, Initializer, NestedTensors, Regularizer, Shape, Tensor, Variable
from tensorsmith.layers._support.fresh import fresh
from tensorsmith.layers._support.kernel_layer import KernelLayer

HIDDEN = -1e30  # dominates any score in all dtypes: if all keys are masked, their scores become equal


@export
class AddonsMultiHeadAttention(KernelLayer, keras.layers.Layer):
    """Multi-head attention of TensorFlow Addons, with a compiled kernel. Use `MultiHeadAttention` for new models.

    This layer is for models that were written for TensorFlow Addons. To migrate, import it as `from tensorsmith.layers
    import AddonsMultiHeadAttention as MultiHeadAttention`. `set_weights` accepts the result of `get_weights` of the
    original layer. For new models, use `MultiHeadAttention`, which has the interface of Keras.

    Formula, for each head, with kernels W without biases and a joint projection of the outputs of the heads:

        softmax(query Wq (key Wk)ᵀ / sqrt(head_size)) value Wv

    The kernel does not form the full matrix of attention coefficients. The matrix is formed if `return_attn_coef` is
    `True`, and for inputs whose rank is not 3. A query for which all keys are masked attends to all keys equally.
    Unlike the layer of TensorFlow Addons, this layer uses the masks that preceding layers pass on, and accepts a `seed`
    for the dropout.

    Source: Vaswani et al., "Attention Is All You Need", 2017; Dao et al., "FlashAttention", 2022.

    Args:
        head_size: Size of the queries, keys and values of each head.
        num_heads: Number of attention heads.
        output_size: Number of output features. If `None`, it equals the number of features of the values.
        dropout: Dropout rate for the attention coefficients, in [0, 1).
        use_projection_bias: If `True`, add a bias to the output projection.
        return_attn_coef: If `True`, also return the attention coefficients before dropout.
        kernel_initializer: Initializer for the kernels of the query, key, value and output projections.
        kernel_regularizer: Regularizer for the kernels of the query, key, value and output projections.
        kernel_constraint: Constraint for the kernels of the query, key, value and output projections.
        bias_initializer: Initializer for the bias vector of the output projection.
        bias_regularizer: Regularizer for the bias vector of the output projection.
        bias_constraint: Constraint for the bias vector of the output projection.
        seed: Random seed for dropout.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: List of query, key and value tensors. If only two tensors are given, the key is used as the value.
        training: If `True`, apply dropout.
        mask: Tensor with 1 or `True` where a query may attend to a key, of shape `(steps, keys)`, `(..., steps, keys)`
            or `(..., num_heads, steps, keys)`. Alternatively, a list with a mask `(..., steps)` or `None` for each
            input, as passed on by preceding layers; the masks of key and value are applied to the keys.

    Input shape:
        `(..., steps, features)`, `(..., keys, features)` and `(..., keys, features)`. The numbers of features may
        differ.

    Output shape:
        `(..., steps, output_size)`; with `return_attn_coef` also `(..., num_heads, steps, keys)`.

    Raises:
        ValueError: If a size is not a positive integer, `dropout` is not in [0, 1), or shapes are incompatible.

    Example:
        >>> import keras
        >>> query, key, value = (keras.random.normal(shape) for shape in ((3, 5, 4), (3, 6, 7), (3, 6, 8)))
        >>> AddonsMultiHeadAttention(head_size=16, num_heads=2)([query, key, value]).shape
        TensorShape([3, 5, 8])
        >>> output, coefficients = AddonsMultiHeadAttention(16, 2, return_attn_coef=True)([query, key])
        >>> output.shape, coefficients.shape
        (TensorShape([3, 5, 7]), TensorShape([3, 2, 5, 6]))
    """

    def __init__(
        self,
        head_size: int,
        num_heads: int,
        output_size: int | None = None,
        dropout: float = 0.0,
        use_projection_bias: bool = True,
        return_attn_coef: bool = False,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer | None = None,
        kernel_constraint: Constraint | None = None,
        bias_initializer: Initializer = "zeros",
        bias_regularizer: Regularizer | None = None,
        bias_constraint: Constraint | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        for name, size in (("head_size", head_size), ("num_heads", num_heads)):
            check(is_integer(size) and size > 0, name, size, "a positive integer")
        fits = output_size is None or (is_integer(output_size) and output_size > 0)
        check(fits, "output_size", output_size, "a positive integer or None")
        check(is_number(dropout) and 0 <= dropout < 1, "dropout", dropout, "a number in [0, 1)")
        head_size, num_heads, output_size, dropout, seed = plain((head_size, num_heads, output_size, dropout, seed))
        super().__init__(**kwargs)
        self.head_size = head_size
        self.num_heads = num_heads
        self.output_size = output_size
        self.dropout = dropout
        self.use_projection_bias = use_projection_bias
        self.return_attn_coef = return_attn_coef
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.seed = seed
        if dropout > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Creates the weights of the layer."""
        fits = len(input_shape) in (2, 3) and isinstance(input_shape[0], list | tuple)
        check(fits, "inputs", input_shape, "a list of tensors, [query, key] or [query, key, value]")
        output_size = self._output_size(input_shape)
        features = [input_shape[0][-1], input_shape[1][-1], input_shape[-1][-1]]
        check(None not in features, "inputs", input_shape, "contain tensors with a known number of features")
        self.query_kernel, self.key_kernel, self.value_kernel = (
            self._add_kernel(f"{name}_kernel", (size, self.head_size))
            for name, size in zip(("query", "key", "value"), features, strict=True)
        )
        self.projection_kernel = self._add_kernel("projection_kernel", (self.head_size, output_size))
        if self.use_projection_bias:
            self.projection_bias = self.add_weight(
                shape=(output_size,),
                name="projection_bias",
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(
        self, inputs: Sequence[Tensor], training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Computes the attention outputs."""
        query, key, value = inputs[0], inputs[1], inputs[-1]
        check(
            key.shape[:-2].is_compatible_with(query.shape[:-2]) and value.shape[:-1].is_compatible_with(key.shape[:-1]),
            "inputs",
            [tuple(each.shape) for each in inputs],
            "contain a key and a value with the same number of steps, and with the same leading axes as the query",
        )
        # Projections of all heads at once.
        hidden = self._hidden(mask, query, key)
        # (..., steps, features) becomes (..., steps, heads, head_size).
        query, key, value = (
            keras.ops.einsum("...ni,hio->...nho", x, kernel)
            for x, kernel in ((query, self.query_kernel), (key, self.key_kernel), (value, self.value_kernel))
        )
        # The kernel handles rank-3 inputs. Otherwise, the matrix of coefficients is formed explicitly.
        dropout = self.dropout if training else 0.0
        coefficients = None
        if len(query.shape) == 4 and not self.return_attn_coef:
            seed = self.seed_generator.next() if dropout else None
            attended = ops.attention(query, key, value, bias=hidden, dropout=dropout, seed=seed)
        else:
            coefficients = self._coefficients(query, key, hidden)  # (..., heads, steps, keys)
            kept = keras.random.dropout(coefficients, dropout, seed=self.seed_generator) if dropout else coefficients
            attended = keras.ops.einsum("...hnm,...mho->...nho", kept, value)
        # The joint projection sums over the heads and their features: (..., steps, output_size).
        output = keras.ops.einsum("...nho,hop->...np", attended, self.projection_kernel)
        if self.use_projection_bias:
            output = output + self.projection_bias
        return (output, coefficients) if self.return_attn_coef else output

    def compute_mask(self, inputs: Sequence[Tensor], previous_mask: NestedTensors | None) -> Tensor | None:
        """Returns the mask of the query, or `None` if it has no mask."""
        return previous_mask[0] if isinstance(previous_mask, list | tuple) else None

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape | tuple[Shape, Shape]:
        """Returns the output shape: the shape of the query with `output_size` features.

        With `return_attn_coef`, the shape of the attention coefficients is also returned.
        """
        (*leading, steps, _), keys = input_shape[0], input_shape[1][-2]
        output_shape = (*leading, steps, self._output_size(input_shape))
        return (output_shape, (*leading, self.num_heads, steps, keys)) if self.return_attn_coef else output_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "head_size": self.head_size,
            "num_heads": self.num_heads,
            "output_size": self.output_size,
            "dropout": self.dropout,
            "use_projection_bias": self.use_projection_bias,
            "return_attn_coef": self.return_attn_coef,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "seed": self.seed,
        }
        return {**super().get_config(), **own}

    def _add_kernel(self, name: str, sizes: Shape) -> Variable:
        return self.add_weight(
            shape=(self.num_heads, *sizes),
            name=name,
            initializer=fresh(self.kernel_initializer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def _output_size(self, input_shape: Sequence[Shape]) -> int | None:
        return input_shape[-1][-1] if self.output_size is None else self.output_size

    def _coefficients(self, query: Tensor, key: Tensor, hidden: Tensor | None) -> Tensor:
        # Scaling the query before the product keeps the scores within the range of half precision.
        scores = keras.ops.einsum("...nho,...mho->...hnm", query / math.sqrt(self.head_size), key)
        scores = keras.ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
        shares = tf.nn.softmax(scores if hidden is None else scores + hidden)  # Keras warns for a single key
        return keras.ops.cast(shares, query.dtype)

    def _hidden(self, mask: Tensor | None, query: Tensor, key: Tensor) -> Tensor | None:
        """Returns the additive mask for attention scores `(..., heads, steps, keys)`, with 0 for visible keys.

        The result is `None` if all keys are visible.
        """
        rank = len(query.shape) + 1
        if isinstance(mask, list | tuple):
            of_keys = [keras.ops.cast(each, "bool") for each in mask[1:] if each is not None]
            if not of_keys:
                return None
            for each in of_keys:
                fits = each.shape.is_compatible_with(key.shape[:-1])
                check(
                    fits,
                    "mask",
                    tuple(each.shape),
                    f"have shape {tuple(key.shape[:-1])} to match the key without its last axis",
                    "pass a single mask tensor instead of a list",
                )
            # (..., keys) becomes (..., 1, 1, keys): all heads and queries see the same keys.
            seen = functools.reduce(keras.ops.logical_and, of_keys)[..., None, None, :]
        elif mask is None:
            return None
        else:
            seen = keras.ops.convert_to_tensor(mask)
            expected = (query.shape[-2], key.shape[-2])
            fits = 2 <= len(seen.shape) <= rank and seen.shape[-2:].is_compatible_with(expected)
            check(fits, "mask", tuple(seen.shape), f"have a shape that ends in (steps, keys) = {expected}")
            if len(seen.shape) != rank:
                seen = keras.ops.expand_dims(seen, -3)  # the same mask for all heads
            # Leading axes of size 1 are added up to the rank of the scores.
            seen = keras.ops.reshape(seen, (*(1,) * (rank - len(seen.shape)), *keras.ops.shape(seen)))
        dtype = keras.backend.result_type(query.dtype, "float32")
        return HIDDEN * (1 - keras.ops.cast(seen, dtype))
