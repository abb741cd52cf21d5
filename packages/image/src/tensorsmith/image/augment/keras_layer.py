"""Augmentation layers of Keras as functions of a seed and an example."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.image.augment.augmentation import Function, as_seed

METHODS = ("get_random_transformation", "transform_images")
COMPOSITE = (keras.layers.RandAugment, keras.layers.AugMix, keras.layers.RandomColorJitter)
"""Layers that consist of other layers, each with a seed generator of its own."""


def keras_layer(layer: keras.layers.Layer) -> Function:
    """Return a function of a seed and an example that augments images by an augmentation layer of Keras.

    A layer draws random numbers from its own seed generator, whose state is not saved with the iterator of a dataset.
    This function draws them from the seed that is passed to it, so that it can be part of a `chain`. Boxes, masks and
    keypoints are not moved. Use it for layers that preserve the geometry, such as `RandomErasing` or
    `RandomGaussianBlur`. Layers that consist of other layers, such as `RandAugment`, are not supported, because their
    parts draw from seed generators of their own.

    Args:
        layer: Layer such as `keras.layers.RandomErasing`, with the methods `get_random_transformation` and
            `transform_images`.

    Returns:
        A function of a seed and an example, see `Augmentation`. It preserves the dtype of uint8 images.

    Raises:
        ValueError: If the layer is not an augmentation layer, or consists of other layers.

    Example:
        >>> import keras
        >>> import tensorflow as tf
        >>> erase = keras_layer(keras.layers.RandomErasing(factor=1.0, fill_value=0, value_range=(0, 255)))
        >>> image = tf.fill((8, 8, 1), tf.constant(200, tf.uint8))
        >>> erased = erase(1, image)
        >>> bool(tf.reduce_all(erased == erase(1, image))), erased.dtype
        (True, tf.uint8)
    """
    check(all(hasattr(layer, method) for method in METHODS), "layer", layer, "an augmentation layer of Keras")
    check(
        not isinstance(layer, COMPOSITE),
        "layer",
        type(layer).__name__,
        "a layer that draws all random numbers from one seed",
        "Call the layer in `dataset.map`; its random numbers are not saved with the iterator",
    )

    @tf.autograph.experimental.do_not_convert
    def augmented(seed: TensorLike, example: Any) -> Any:
        parts = example if isinstance(example, dict) else {"image": example}
        image = tf.convert_to_tensor(parts["image"])
        batch = image if image.shape.rank == 4 else image[tf.newaxis]
        transformation = layer.get_random_transformation(batch, training=True, seed=_GivenSeed(as_seed(seed)))
        batch = layer.transform_images(batch, transformation, training=True)
        batch = tf.saturate_cast(tf.round(batch), image.dtype) if image.dtype.is_integer else batch
        result = batch if image.shape.rank == 4 else batch[0]
        return {**example, "image": result} if isinstance(example, dict) else result

    return augmented


class _GivenSeed(keras.random.SeedGenerator):
    """Seed generator without state in a variable, whose seeds are derived from a given seed."""

    def __init__(self, seed: Tensor) -> None:  # without a variable, which cannot be created in a traced function
        self.given, self.count = seed, 0

    def next(self, ordered: bool = True) -> Tensor:
        self.count += 1
        return tf.random.experimental.stateless_fold_in(self.given, self.count)
