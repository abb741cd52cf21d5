"""Augmentations as pure functions of a seed and an example, and chains of augmentations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.image._support.checks import converted
from tensorsmith.image.augment._support.examples import Images, batched, unbatched
from tensorsmith.image.augment._support.warps import Size, moved

Geometry = Callable[[Tensor, Tensor, Size], tuple[Tensor, Size]]
"""Function of a seed, the number of images and their size (height, width). It returns matrices of shape `(images, 3,
3)`, which map output to input coordinates, and the size of the result. The origin of coordinates is the corner of the
image, so that the center of the first pixel is (0.5, 0.5)."""

Colors = Callable[[Tensor, Tensor, int, float], Tensor]
"""Function of a seed, the number of images, the number of channels and the value of white. It returns matrices of shape
`(images, channels + 1, channels + 1)`, which map homogeneous colors."""


@dataclass(frozen=True)
class Step:
    """Part of an augmentation: a change of the geometry or of the colors, or a normalization.

    Attributes:
        geometry: Function that draws a transform for each image.
        colors: Function that draws a color map for each image.
        normalization: Mean and standard deviation of the channels, with white at 1.
        fill: Fill mode and fill value for pixels outside of the image. `None` for a step that does not read such
            pixels, except for interpolation at the border.
    """

    geometry: Geometry | None = None
    colors: Colors | None = None
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    fill: tuple[str, float] | None = None


@dataclass(frozen=True)
class Augmentation:
    """Pure function of a seed and an example, which augments images with their boxes, masks and keypoints.

    An augmentation is called with a seed and an example. The result depends on both only, so that training that is
    resumed with the same seeds continues with the same images. `tensorsmith.data.pipelines.map_with_seed` provides a
    seed for each element of a `tf.data.Dataset`.

    - `seed` is an int tensor of shape `(2,)`, as for TensorFlow's stateless random functions, or an integer.
    - `example` is an image, or a dict with the key `"image"` and, optionally, `"boxes"`, `"masks"` and `"keypoints"`.
      Other keys are returned unchanged.
    - The image has shape `(height, width, channels)`, or `(batch, height, width, channels)` for a batch, whose images
      are augmented independently of each other. It has dtype uint8, which is preserved unless the image is normalized,
      or a floating-point dtype, where white is 1 and the result is float32.
    - Boxes have shape `(boxes, 4)`, or `(batch, boxes, 4)`, and contain the coordinates x_min, y_min, x_max and y_max
      in pixels. The result is the bounding box of the moved corners, clipped to the image. Boxes outside have no area,
      and rows of 0, with which the boxes of a batch are padded, remain 0.
    - Masks have the height and width of the image, and optionally channels. They are read at the nearest pixel. Where
      the image is filled with a constant, masks are filled with 0.
    - Keypoints have shape `(keypoints, 2)`, or `(batch, keypoints, 2)`, and contain x and y in pixels. They may lie
      outside of the result.

    Steps are combined into one transform, one color map and one normalization, which are applied in one pass over the
    image by `tensorsmith.ops.augment_images`. Pixels are thus interpolated once, colors are clipped once, and a
    rotation after a crop shows pixels that lie outside of the crop, rather than corners without an image. A new pass
    starts after a normalization, and before a step that fills pixels outside of the image in another way than the steps
    before it, or after a change of colors.

    Attributes:
        steps: Steps, and other functions of a seed and an example, in the order in which they are applied.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.image import augment
        >>> flip = augment.random_flip()
        >>> example = {"image": tf.constant([[[1], [2]]], tf.uint8), "keypoints": [[0.5, 0.5]]}
        >>> for seed in (0, 3):
        ...     flipped = flip(seed, example)
        ...     print(flipped["image"].numpy()[0, :, 0], flipped["keypoints"].numpy()[0])
        [1 2] [0.5 0.5]
        [2 1] [1.5 0.5]
    """

    steps: tuple["Step | Function", ...]

    def __call__(self, seed: TensorLike, example: Any, *others: Any) -> Any:
        """Return the augmented example, or a tuple of it and further parts of an element of a dataset, such as labels.

        Args:
            seed: Random seed.
            example: Image, or dict with the key `"image"`.
            *others: Values that are returned unchanged.

        Raises:
            ValueError: If the seed or a part of the example has an invalid shape or dtype, or an unknown name.
        """
        seed = as_seed(seed)
        for index, group in _groups(self.steps):
            if isinstance(group, list):
                example = _augmented(group, index, seed, example)
            else:
                example = group(tf.random.experimental.stateless_fold_in(seed, index), example)
        return (example, *others) if others else example


Function = Callable[..., Any]
"""Function of a seed and an example, which returns an example."""


def chain(*functions: Function) -> Augmentation:
    """Return an augmentation that applies several functions, one after the other.

    Args:
        *functions: Augmentations, and other functions of a seed and an example, which return an example.

    Returns:
        An `Augmentation`, in which each step has a random seed of its own.

    Raises:
        ValueError: If no function is given, one of them cannot be called, or a normalization is followed by another
            change of colors.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.image import augment
        >>> augmentation = augment.chain(
        ...     augment.random_resized_crop(64, 64, scale=(0.25, 1.0)),
        ...     augment.random_flip(),
        ...     augment.random_affine(rotation=15),
        ...     augment.random_color_jitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05),
        ...     augment.normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        ... )
        >>> images = tf.zeros((8, 100, 80, 3), tf.uint8)
        >>> augmentation([1, 2], images).shape.as_list()
        [8, 64, 64, 3]
    """
    check(len(functions) > 0, "functions", functions, "at least one augmentation")
    steps: list[Step | Function] = []
    for function in functions:
        check(callable(function), "functions", function, "functions of a seed and an example")
        steps += function.steps if isinstance(function, Augmentation) else [function]
    normalized = False
    for step in steps:
        recolors = isinstance(step, Step) and (step.colors is not None or step.normalization is not None)
        received = Verbatim("a change of colors after a normalization")
        check(not (normalized and recolors), "functions", received, "have the normalization last")
        normalized = isinstance(step, Step) and (normalized or step.normalization is not None)
    return Augmentation(tuple(steps))


@tf.autograph.experimental.do_not_convert
def as_seed(seed: TensorLike) -> tf.Tensor:
    """Return a seed, which may be an integer, as a tensor of shape `(2,)`."""
    seed = converted("seed", seed)
    valid = seed.dtype.is_integer and any(seed.shape.is_compatible_with(shape) for shape in ((), (2,)))
    check(valid, "seed", Verbatim(f"{seed.dtype.name} of shape {seed.shape}"), "an integer or two integers")
    seed = tf.cast(seed, tf.int64)
    return seed if seed.shape.rank == 1 else tf.stack([seed, tf.zeros_like(seed)])


def _groups(steps: tuple[Step | Function, ...]) -> Iterator[tuple[int, "list[Step] | Function"]]:
    """Yield functions and lists of steps that are applied in one pass, each with the index of its first step.

    A list ends with a normalization, and before a step that fills in another way, or after a change of colors, which
    would change the color of the fill.
    """
    start, group = 0, list[Step]()
    for index, step in enumerate(steps):
        if group and (not isinstance(step, Step) or not _combine(group, step)):
            yield start, group
            start, group = index, []
        if isinstance(step, Step):
            start = start if group else index
            group.append(step)
        else:
            yield index, step
    if group:
        yield start, group


def _combine(group: list[Step], step: Step) -> bool:
    """Return `True` if a step can be applied in one pass with a group of steps."""
    fills = [each.fill for each in group if each.fill is not None]
    recolored = any(each.colors is not None for each in group)
    refilled = step.fill is not None and (recolored or (fills and fills[-1] != step.fill))
    return group[-1].normalization is None and not refilled


@tf.autograph.experimental.do_not_convert  # AutoGraph takes seconds, and these functions do not need it
def _augmented(group: list[Step], index: int, seed: Tensor, example: Any) -> Any:
    """Return an example after several steps, the first of which has the given index in the chain."""
    seeds = [tf.random.experimental.stateless_fold_in(seed, index + i) for i in range(len(group))]
    return unbatched(_applied(group, seeds, batched(example)), example)


def _applied(group: list[Step], seeds: list[Tensor], images: Images) -> Images:
    """Return images after several steps, which are applied in one pass."""
    count, channels = tf.shape(images.image)[0], images.image.shape[-1]
    white = 255.0 if images.image.dtype == tf.uint8 else 1.0
    size = images.size
    geometry, colors, normalization = None, None, None
    for step, seed in zip(group, seeds, strict=True):
        if step.geometry is not None:
            matrices, size = step.geometry(seed, count, size)
            geometry = matrices if geometry is None else geometry @ matrices
        if step.colors is not None:
            matrices = step.colors(seed, count, channels, white)
            colors = matrices if colors is None else matrices @ colors
        normalization = step.normalization or normalization
    fill = next((step.fill for step in group if step.fill is not None), ("nearest", 0.0))
    return moved(images, geometry, size, fill, colors, normalization, white)
