"""Sums of embeddings."""

from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Constraint, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class EmbeddingBag(KernelLayer, keras.layers.Layer):
    """The sum or mean of each bag's embeddings, without a tensor of all of them in between.

    For sets of things of which a model needs no order: the words of a title, what a user has bought. At the embeddings
    the gradient is sparse, as that of `keras.layers.Embedding` is. Formula, with the table E:

        y = sum over i of weights[i] E[indices[i]]

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2016 (fastText).

    Args:
        input_dim: Rows of the table: one more than the largest index.
        output_dim: Size of an embedding.
        embeddings_initializer: Initializer of the table.
        embeddings_regularizer: Regularizer of the table.
        embeddings_constraint: Constraint of the table.
        mask_zero: Whether the layer may follow one that gives a mask, as in TensorFlow Addons; 0 is an index as any
            other. Give weights of 0 for what shall not count.
        combiner: "sum", or "mean", which takes no weights.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        indices: Integers (..., size) from 0 to `input_dim` - 1.
        weights: Factors of the embeddings, of the shape of `indices`; all 1 if None.

    Input shape:
        `(..., size)`.

    Output shape:
        `(..., output_dim)`.

    Raises:
        ValueError: A dimension is no positive integer, the combiner is unknown, or weights are given for a mean.
        tf.errors.InvalidArgumentError: An index is no row of the table.

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
        # Indices that come as floats must not become half types, which lack most large integers.
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
        """Makes the table."""
        self.embeddings = self.add_weight(
            shape=(self.input_dim, self.output_dim),
            name="embeddings",
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            autocast=False,
        )

    def call(self, indices: Tensor, weights: Tensor | None = None) -> Tensor:
        """Sums up."""
        if not keras.backend.standardize_dtype(indices.dtype).startswith(("int", "uint")):
            indices = keras.ops.cast(indices, "int32")  # as keras.Input has floats unless told
        y = ops.embedding_bag(indices, keras.ops.convert_to_tensor(self.embeddings), weights, self.combiner)
        return keras.ops.cast(y, self.compute_dtype)

    def compute_mask(self, indices: Tensor, mask: Tensor | None = None) -> None:
        """None: bags have no steps."""

    def compute_output_shape(self, indices_shape: Shape, weights_shape: Shape | None = None) -> Shape:
        """An embedding for each bag."""
        return (*indices_shape[:-1], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
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
