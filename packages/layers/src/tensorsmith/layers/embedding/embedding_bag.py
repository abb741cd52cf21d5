"""Embedding bag layer: sums or means of embeddings."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Constraint, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class EmbeddingBag(KernelLayer, keras.layers.Layer):
    """Embedding bag layer: sum or mean of the embeddings of each bag, computed by a compiled kernel.

    It suits unordered sets, such as the words of a title or the items in a shopping history. The gradient with respect
    to the embedding matrix is sparse, as for `keras.layers.Embedding`. Formula, with the embedding matrix E:

        y = sum over i of weights[i] E[indices[i]]

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2016 (fastText).

    Args:
        input_dim: Positive integer, the number of rows in the embedding matrix, i.e. maximum index + 1.
        output_dim: Positive integer, the dimension of the embeddings.
        embeddings_initializer: Initializer for the embedding matrix.
        embeddings_regularizer: Regularizer function applied to the embedding matrix.
        embeddings_constraint: Constraint function applied to the embedding matrix.
        mask_zero: If `True`, the layer accepts inputs with a mask, as in TensorFlow Addons. Index 0 is not masked; use
            weights of 0 to exclude elements.
        combiner: Reduction of the embeddings in a bag: `"sum"` or `"mean"`. Weights are not supported with `"mean"`.
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
        **kwargs: Any,
    ):
        for name, size in (("input_dim", input_dim), ("output_dim", output_dim)):
            check(is_integer(size) and size > 0, name, size, "a positive integer")
        check(combiner in ("sum", "mean"), "combiner", combiner, "'sum' or 'mean'")
        # Indices given as floats must not be cast to half precision, which cannot represent most large integers.
        input_dim, output_dim = plain((input_dim, output_dim))
        super().__init__(autocast=False, **kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = keras.constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.combiner = combiner

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
        if not keras.backend.standardize_dtype(indices.dtype).startswith(("int", "uint")):
            indices = keras.ops.cast(indices, "int32")  # `keras.Input` defaults to floats
        y = ops.embedding_bag(indices, keras.ops.convert_to_tensor(self.embeddings), weights, self.combiner)
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
        }
        return {**super().get_config(), **own}
