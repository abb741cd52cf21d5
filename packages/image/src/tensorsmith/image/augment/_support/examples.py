"""Examples of images with boxes, masks and keypoints, as batches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor
from tensorsmith.image._support.checks import converted, numbers
from tensorsmith.image.transform import DTYPES
from tensorsmith.ops.augment_images import MAX_CHANNELS

MASK_DTYPES = ("bool", *DTYPES)
OTHER_NAMES = {
    "images": "image",
    "box": "boxes",
    "bboxes": "boxes",
    "bounding_boxes": "boxes",
    "mask": "masks",
    "segmentation_masks": "masks",
    "keypoint": "keypoints",
}
"""Keys that other libraries use, which must not be returned without being augmented."""


@dataclass(frozen=True)
class Images:
    """Batch of images with their boxes, masks and keypoints.

    Attributes:
        image: Tensor of shape `(batch, height, width, channels)` and dtype uint8 or float32.
        boxes: float32 tensor of shape `(batch, boxes, 4)`, or `None`.
        masks: Tensor of shape `(batch, height, width, channels)`, or `None`.
        keypoints: float32 tensor of shape `(batch, keypoints, 2)`, or `None`.
    """

    image: tf.Tensor
    boxes: tf.Tensor | None = None
    masks: tf.Tensor | None = None
    keypoints: tf.Tensor | None = None

    @property
    def size(self) -> tuple[Any, Any]:
        """Height and width, as integers if they are known, else as tensors."""
        static, dynamic = self.image.shape, tf.shape(self.image)
        return tuple(dynamic[axis] if static[axis] is None else static[axis] for axis in (1, 2))


def batched(example: Any) -> Images:
    """Return the images of an example, which may be a batch.

    Raises:
        ValueError: If a shape or dtype is invalid.
    """
    parts = example if isinstance(example, Mapping) else {"image": example}
    for other, name in OTHER_NAMES.items():
        check(other not in parts, "example", Verbatim(f'the key "{other}"'), f'have the key "{name}" instead')
    check("image" in parts, "example", sorted(parts), 'have the key "image"')
    image = converted("image", parts["image"])
    shape = image.shape
    check(
        shape.rank in (3, 4) and shape[-1] is not None,
        "image",
        Verbatim(f"shape {shape}"),
        "have shape (height, width, channels) or (batch, height, width, channels) with a known number of channels",
    )
    check(
        image.dtype == tf.uint8 or image.dtype.is_floating,
        "image",
        Verbatim(image.dtype.name),
        "have dtype uint8 or a floating-point dtype",
        "pass tf.image.convert_image_dtype(image, tf.float32)",
    )
    check(
        shape[-1] <= MAX_CHANNELS,
        "image",
        Verbatim(f"shape {shape}"),
        f"have at most {MAX_CHANNELS} channels",
        "pass images[..., tf.newaxis] if the last axis is the width of images without channels",
    )
    single = shape.rank == 3
    image = image if image.dtype == tf.uint8 else tf.cast(image, tf.float32)
    images = {"image": image[tf.newaxis] if single else image}
    for name, coordinates in (("boxes", 4), ("keypoints", 2)):
        if parts.get(name) is not None:
            values = numbers(name, parts[name], tf.float32)
            if single and values.shape == (0,):  # an empty list
                values = tf.reshape(values, [0, coordinates])
            valid = values.shape.is_compatible_with([*shape[:-3], None, coordinates])
            axes = f"({name}, {coordinates})" if single else f"(batch, {name}, {coordinates})"
            check(valid, name, Verbatim(f"shape {values.shape}"), f"have shape {axes} for this image")
            images[name] = values[tf.newaxis] if single else values
    if parts.get("masks") is not None:
        masks = converted("masks", parts["masks"])
        check(masks.dtype.name in MASK_DTYPES, "masks", Verbatim(masks.dtype.name), f"of a dtype in {MASK_DTYPES}")
        received, expected = Verbatim(f"shape {masks.shape}"), f"have the height and width of the image, {shape[:-1]}"
        matching = masks.shape.rank in (shape.rank - 1, shape.rank)
        check(matching and masks.shape[: shape.rank - 1].is_compatible_with(shape[:-1]), "masks", received, expected)
        with_channels = masks if masks.shape.rank == shape.rank else masks[..., tf.newaxis]
        images["masks"] = with_channels[tf.newaxis] if single else with_channels
    return Images(**images)


def unbatched(images: Images, example: Any) -> Any:
    """Return images with the structure and ranks of an example."""
    if not isinstance(example, Mapping):
        return images.image if tf.convert_to_tensor(example).shape.rank == 4 else images.image[0]
    result = dict(example)
    single = tf.convert_to_tensor(example["image"]).shape.rank == 3
    for name in ("image", "boxes", "masks", "keypoints"):
        value: Tensor | None = getattr(images, name)
        if value is None:
            continue
        if name == "masks" and tf.convert_to_tensor(example["masks"]).shape.rank == (2 if single else 3):
            value = value[..., 0]
        result[name] = value[0] if single else value
    return result
