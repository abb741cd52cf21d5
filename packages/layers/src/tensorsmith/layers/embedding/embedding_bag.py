"""Embedding bag layer: sums or means of embeddings."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import Verbatim, check, export, is_integer, plain
from tensorsmith.core.types import Constraint, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class EmbeddingBag(KernelLayer, keras.layers.Layer):
    """Embedding bag layer: sum or mean of the embeddings of each bag, computed by a compiled kernel.

    It suits unordered sets, such as the words of a title or the items in a shopping history. The gradient with respect
    to the embedding matrix is sparse, as for `keras.layers.Embedding`. Formula, with the embedding matrix E:

        y = sum over i of weights[i] E[indices[i]]

    The combiner `"mean"` divides the sum by the number n of elements in the bag, and `"sqrtn"` by sqrt(n), or with
    weights by the square root of the sum of their squares. A bag without elements results in zeros.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2016 (fastText).

    Args:
        input_dim: Positive integer, the number of rows in the embedding matrix, i.e. maximum index + 1.
        output_dim: Positive integer, the dimension of the embeddings.
        embeddings_initializer: Initializer for the embedding matrix.
        embeddings_regularizer: Regularizer function applied to the embedding matrix.
        embeddings_constraint: Constraint function applied to the embedding matrix.
        mask_zero: If `True`, the layer accepts inputs with a mask, as in TensorFlow Addons. Index 0 is not masked; use
            `padding_index=0` to exclude it.
        combiner: Reduction of the embeddings in a bag: `"sum"`, `"mean"` or `"sqrtn"`. Weights are not supported with
            `"mean"`.
        padding_index: Index of elements that are not part of a bag, such as 0 for padding. If `None`, all elements are
            used.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        indices: Integer tensor of shape `(..., size)` with values in [0, `input_dim`).
        weights: Tensor of factors with the shape of `indices`. If `None`, all factors are 1.

    Input shape:
        `(..., size)`.

    Output shape:
        `(..., output_dim)`.

    Raises:
        ValueError: If a dimension is not a positive integer, the combiner is unknown, or weights are given for a mean.
        tf.errors.InvalidArgumentError: If an index is out of range.

    Example:
        >>> import numpy as np
        >>> layer = EmbeddingBag(3, 2, embeddings_initializer="ones")
        >>> print(layer(np.array([[0, 2, 2]])).numpy())
        [[3. 3.]]
        >>> print(layer(np.array([[0, 2, 2]]), weights=np.array([[1.0, 0.5, 0.0]])).numpy())
        [[1.5 1.5]]
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Initializer = "uniform",
        embeddings_regularizer: Regularizer | None = None,
        embeddings_constraint: Constraint | None = None,
        mask_zero: bool = False,
        combiner: str = "sum",
        padding_index: int | None = None,
        **kwargs: Any,
    ):
        for name, size in (("input_dim", input_dim), ("output_dim", output_dim)):
            check(is_integer(size) and size > 0, name, size, "a positive integer")
        check(combiner in ("sum", "mean", "sqrtn"), "combiner", combiner, "'sum', 'mean' or 'sqrtn'")
        fits = padding_index is None or (is_integer(padding_index) and 0 <= padding_index < input_dim)
        check(fits, "padding_index", padding_index, f"an integer from 0 to {input_dim - 1}, or None")
        # Indices given as floats must not be cast to half precision, which cannot represent most large integers.
        input_dim, output_dim, padding_index = plain((input_dim, output_dim, padding_index))
        super().__init__(autocast=False, **kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = keras.constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.combiner = combiner
        self.padding_index = padding_index

    def build(self, input_shape: Shape) -> None:
        """Creates the embedding matrix."""
        self.embeddings = self.add_weight(
            shape=(self.input_dim, self.output_dim),
            name="embeddings",
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            autocast=False,
        )

    def call(self, indices: Tensor, weights: Tensor | None = None) -> Tensor:
        """Computes the sum or mean of the embeddings of each bag."""
        expected, remedy = "None with combiner='mean'", "use the combiner 'sum' or 'sqrtn'"
        check(weights is None or self.combiner != "mean", "weights", Verbatim("weights"), expected, remedy)
        if not keras.backend.standardize_dtype(indices.dtype).startswith(("int", "uint")):
            indices = keras.ops.cast(indices, "int32")  # `keras.Input` defaults to floats
        table = keras.ops.convert_to_tensor(self.embeddings)
        if self.padding_index is None and self.combiner != "sqrtn":
            return keras.ops.cast(ops.embedding_bag(indices, table, weights, self.combiner), self.compute_dtype)
        # The sum is divided by the number of elements, or its square root. Elements of padding have the weight 0.
        factors = keras.ops.ones(keras.ops.shape(indices), table.dtype)
        if weights is not None:
            factors = keras.ops.cast(weights, table.dtype)
            fits = factors.shape.is_compatible_with(indices.shape)
            check(fits, "weights", tuple(factors.shape), f"have the shape {tuple(indices.shape)} of `indices`")
        if self.padding_index is not None:
            factors = keras.ops.where(indices == self.padding_index, 0, factors)
        y = ops.embedding_bag(indices, table, factors, "sum")
        if self.combiner != "sum":
            squares = keras.ops.sum(keras.ops.square(factors), axis=-1, keepdims=True)
            size = squares if self.combiner == "mean" else keras.ops.sqrt(squares)
            y = keras.ops.divide_no_nan(y, size)
        return keras.ops.cast(y, self.compute_dtype)

    def compute_mask(self, indices: Tensor, mask: Tensor | None = None) -> None:
        """Returns `None`, because the output has no time axis."""

    def compute_output_shape(self, indices_shape: Shape, weights_shape: Shape | None = None) -> Shape:
        """Returns the output shape: one embedding per bag."""
        return (*indices_shape[:-1], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        own = {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": keras.regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": keras.constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "combiner": self.combiner,
            "padding_index": self.padding_index,
        }
        return {**super().get_config(), **own}
