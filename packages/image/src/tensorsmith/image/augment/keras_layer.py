"""Augmentation layers of Keras as functions of a seed and an example."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.image.augment._support.examples import batched, unbatched
from tensorsmith.image.augment.augmentation import Function, as_seed

METHODS = ("get_random_transformation", "transform_images")
COMPOSITE = ("AugMix", "RandAugment", "RandomColorJitter")
"""Layers that consist of other layers, each with a seed generator of its own."""
MIXING = ("CutMix", "MixUp")
"""Layers that mix images, whose labels must be mixed, too."""
PRESERVING = (
    "AutoContrast",
    "Equalization",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomContrast",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
)
"""Layers that do not move pixels."""


def keras_layer(layer: keras.layers.Layer) -> Function:
    """Return a function of a seed and an example that augments images by an augmentation layer of Keras.

    A layer draws random numbers from its own seed generator, whose state is not saved with the iterator of a dataset.
    This function draws them from the seed that is passed to it, so that it can be part of a `chain`. Boxes, masks and
    keypoints are not moved, so that examples with them are supported for layers that preserve the geometry only, such
    as `RandomErasing` or `RandomGaussianBlur`.

    Args:
        layer: Layer with the methods `get_random_transformation` and `transform_images`, such as
            `keras.layers.RandomErasing`. Layers that consist of other layers, such as `RandAugment`, are not supported,
            because their parts draw from seed generators of their own. Nor are layers that mix images.

    Returns:
        A function of a seed and an example, see `Augmentation`. It preserves the dtype of uint8 images.

    Raises:
        ValueError: If the layer is not supported. The function raises it if boxes, masks or keypoints would have to be
            moved.

    Example:
        >>> import keras
        >>> import tensorflow as tf
        >>> erase = keras_layer(keras.layers.RandomErasing(factor=1.0, fill_value=0, value_range=(0, 255)))
        >>> image = tf.fill((8, 8, 1), tf.constant(200, tf.uint8))
        >>> erased = erase(1, image)
        >>> bool(tf.reduce_all(erased == erase(1, image))), erased.dtype
        (True, tf.uint8)
    """
    name = type(layer).__name__
    check(all(hasattr(layer, method) for method in METHODS), "layer", layer, "an augmentation layer of Keras")
    remedy = "Call the layer in `dataset.map`; its random numbers are not saved with the iterator"
    check(name not in COMPOSITE, "layer", Verbatim(name), "a layer that draws from one seed generator", remedy)
    remedy = "use `mixup` or `cutmix` of `tensorsmith.data.pipelines`"
    check(name not in MIXING, "layer", Verbatim(name), "a layer that does not mix images", remedy)

    @tf.autograph.experimental.do_not_convert
    def augmented(seed: TensorLike, example: Any, *others: Any) -> Any:
        images = batched(example)
        parts = [part for part in ("boxes", "masks", "keypoints") if getattr(images, part) is not None]
        check(
            name in PRESERVING or not parts, "example", Verbatim(" and ".join(parts)), f"have no such part for {name}"
        )
        batch = tf.cast(images.image, tf.float32)
        transformation = layer.get_random_transformation(batch, training=True, seed=_GivenSeed(as_seed(seed)))
        batch = layer.transform_images(batch, transformation, training=True)
        if images.image.dtype.is_integer:
            batch = tf.saturate_cast(tf.round(batch), images.image.dtype)
        result = unbatched(dataclasses.replace(images, image=batch), example)
        return (result, *others) if others else result

    return augmented


class _GivenSeed(keras.random.SeedGenerator):
    """Seed generator without state in a variable, whose seeds are derived from a given seed."""

    def __init__(self, seed: Tensor) -> None:  # without a variable, which cannot be created in a traced function
        self.given, self.count = seed, 0

    def next(self, ordered: bool = True) -> Tensor:
        self.count += 1
        return tf.random.experimental.stateless_fold_in(self.given, self.count)
