"""NetVLAD pooling layer, which aggregates feature vectors into one descriptor."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Shape, Tensor


@export
class NetVLAD(keras.layers.Layer):
    """NetVLAD pooling layer: aggregates a variable number of feature vectors into one descriptor.

    Each frame is softly assigned to every cluster. The descriptor contains, for each cluster, the weighted sum of the
    residuals of the frames from its center. It is L2-normalized per cluster and then as a whole. Formula, for frames
    x_t and the cluster k, before normalization:

        a_t = softmax(x_t kernel + bias)
        y[:, k] = sum over t of a_t[k] (x_t - centre_k)

    Masked frames are ignored; the layer of TensorFlow Addons does not support masks. As there, the kernel has an L2
    penalty of 1e-5.

    Source: Arandjelović et al., "NetVLAD: CNN Architecture for Weakly Supervised Place Recognition", 2016.

    Args:
        num_clusters: Positive integer, the number of cluster centers.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor, for example the flattened positions of a feature map.
        mask: Boolean tensor of shape `(batch, frames)`. Frames with `False` are ignored.

    Input shape:
        `(batch, frames, features)`.

    Output shape:
        `(batch, features * num_clusters)`.

    Raises:
        ValueError: If `num_clusters` is not a positive integer, or the inputs are not of rank 3 with known features.

    Example:
        >>> import keras
        >>> NetVLAD(4)(keras.random.normal((2, 100, 8))).shape
        TensorShape([2, 32])
    """

    def __init__(self, num_clusters: int, **kwargs: Any):
        check(is_integer(num_clusters) and num_clusters > 0, "num_clusters", num_clusters, "a positive integer")
        num_clusters = plain(num_clusters)
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_clusters = num_clusters

    def build(self, input_shape: Shape) -> None:
        """Creates the cluster centers and the layer that assigns frames to clusters."""
        fits = len(input_shape) == 3 and input_shape[-1] is not None
        check(
            fits, "inputs", tuple(input_shape), "have shape (batch, frames, features) with a known number of features"
        )
        features: Any = input_shape[-1]
        self.fc = keras.layers.Dense(
            self.num_clusters,
            activation="softmax",
            kernel_regularizer=keras.regularizers.L2(1e-5),
            dtype=self.dtype_policy,
        )
        self.fc.build(input_shape)
        self.cluster_centers = self.add_weight(
            shape=(1, features, self.num_clusters),
            name="cluster_centers",
            initializer=keras.initializers.TruncatedNormal(stddev=features**-0.5),
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Aggregates the frames into one vector per example."""
        # Sums over many frames exceed the range of half precision.
        wide = keras.backend.result_type(inputs.dtype, "float32")
        if mask is not None:
            # Masked frames may contain NaN, and 0 times NaN is NaN.
            inputs = keras.ops.where(mask[..., None], inputs, 0)
        assigned = keras.ops.cast(self.fc(inputs), wide)  # (batch, frames, clusters)
        if mask is not None:
            assigned *= keras.ops.cast(mask, wide)[..., None]
        # The sum of residuals is the weighted sum of frames minus the weighted centers.
        centre_parts = keras.ops.sum(assigned, axis=1, keepdims=True) * keras.ops.cast(self.cluster_centers, wide)
        # (batch, features, frames) x (batch, frames, clusters) gives (batch, features, clusters).
        y = keras.ops.matmul(keras.ops.swapaxes(keras.ops.cast(inputs, wide), 1, 2), assigned) - centre_parts
        # Normalize each cluster (intra-normalization), then the flattened descriptor.
        y = _of_length_one(y)
        y = _of_length_one(keras.ops.reshape(y, (-1, y.shape[1] * self.num_clusters)))
        return keras.ops.cast(y, self.compute_dtype)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        """Returns `None`, because the output has no time axis."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: one vector for each example."""
        features: Any = input_shape[2]
        return (input_shape[0], features * self.num_clusters)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
        return {**super().get_config(), "num_clusters": self.num_clusters}


def _of_length_one(x: Tensor) -> Tensor:
    """Returns the vectors along axis 1 scaled to unit norm. Norms below 1e-6 are treated as 1e-6."""
    squares = keras.ops.sum(keras.ops.square(x), axis=1, keepdims=True)
    return x * keras.ops.rsqrt(keras.ops.maximum(squares, 1e-12))
