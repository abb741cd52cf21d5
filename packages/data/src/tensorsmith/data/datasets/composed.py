"""Images composed of several items of Fashion-MNIST, with exact boxes and masks, for detection and segmentation."""

import numpy as np

from tensorsmith.core import check, did_you_mean, is_integer
from tensorsmith.data.datasets.registry import info, load_split

SIDES = (20, 44)
"""Minimum and maximum side of an item, in pixels."""
OVERLAP = 0.3
"""Maximum fraction of the pixels of an item that other items may cover."""
DARKEST = 10
"""Maximum gray level of the transparent pixels of an item."""
TRIALS = 10


def composed_fashion(
    split: str, count: int, *, size: int = 96, most_items: int = 4, seed: int = 0, flip: bool = False
) -> dict[str, np.ndarray]:
    """Composes images from items of Fashion-MNIST at random positions, on a background with a brightness gradient.

    Each image contains 1 to `most_items` items of the given split, which are scaled to a side of 20 to 44 pixels. At
    most 30 percent of the pixels of an item are covered by others. Equal arguments yield equal images. The names and
    formats of the arrays are those of `tensorsmith.image.augment`.

    Args:
        split: Split of Fashion-MNIST from which the items are drawn: "train", "validation" or "test".
        count: Number of images.
        size: Height and width of the images in pixels, at least 44.
        most_items: Maximum number of items in an image. There are fewer if no free position is found in 10 trials.
        seed: Random seed.
        flip: If `True`, half of the items are mirrored at random, as augmentation.

    Returns:
        A dictionary of arrays:

        - "image": uint8 `(count, size, size, 1)`.
        - "boxes": float32 `(count, most_items, 4)`, with x_min, y_min, x_max and y_max in pixels of the visible part of
          each item, from its first pixel to the end of its last one. Unused rows are 0.
        - "classes": int32 `(count, most_items)`, see `info("fashion_mnist").class_names`. Unused elements are -1.
        - "masks": uint8 `(count, size, size)`, which is 0 in the background and `i + 1` in item i.
        - "covered": float32 `(count, most_items)`, the fraction of the pixels of each item that other items cover.

    Raises:
        ValueError: If an argument is invalid.
        DataNotFoundError: If Fashion-MNIST could not be obtained.

    Example:
        >>> from tensorsmith.data import composed_fashion
        >>> examples = composed_fashion("test", 2, seed=1)
        >>> {name: values.shape for name, values in examples.items()}
        {'image': (2, 96, 96, 1), 'boxes': (2, 4, 4), 'classes': (2, 4), 'masks': (2, 96, 96), 'covered': (2, 4)}
    """
    splits = info("fashion_mnist").splits
    check(split in splits, "split", split, f"one of {', '.join(splits)}", did_you_mean(str(split), splits))
    for name, value, least in (
        ("count", count, 0),
        ("size", size, SIDES[1]),
        ("most_items", most_items, 1),
        ("seed", seed, 0),
    ):
        check(is_integer(value) and value >= least, name, value, f"an integer >= {least}")
    check(most_items < 256, "most_items", most_items, "at most 255")
    source = load_split("fashion_mnist", split)
    return compose(source.features, source.labels, count, size, most_items, seed, flip)


def compose(
    features: np.ndarray, labels: np.ndarray, count: int, size: int, most_items: int, seed: int, flip: bool = False
) -> dict[str, np.ndarray]:
    """Composes images from given items. See `composed_fashion` for the returned arrays.

    Args:
        features: Images of items, float32 `(examples, 28, 28)` in [0, 1].
        labels: Classes of the items, int32 `(examples,)`.
        count: Number of images.
        size: Height and width of the images in pixels.
        most_items: Maximum number of items in an image.
        seed: Random seed.
        flip: If `True`, half of the items are mirrored.
    """
    rng = np.random.default_rng(seed)
    examples: dict[str, np.ndarray] = {
        "image": np.empty((count, size, size, 1), np.uint8),
        "boxes": np.zeros((count, most_items, 4), np.float32),
        "classes": np.full((count, most_items), -1, np.int32),
        "masks": np.zeros((count, size, size), np.uint8),
        "covered": np.zeros((count, most_items), np.float32),
    }
    for number in range(count):
        image, mask = _background(size, rng), examples["masks"][number]
        classes, pixels = list[int](), np.zeros(most_items + 1, np.int64)
        for _ in range(rng.integers(1, most_items + 1)):
            index = rng.integers(len(features))
            item = np.round(features[index] * 255).astype(np.uint8)
            if flip and rng.random() < 0.5:
                item = item[:, ::-1]
            if _paste(item, image, mask, pixels, len(classes) + 1, rng):
                classes.append(labels[index])
        examples["image"][number, :, :, 0] = image
        examples["classes"][number, : len(classes)] = classes
        visible = np.bincount(mask.ravel(), minlength=len(pixels))
        examples["covered"][number] = np.where(pixels > 0, 1 - visible / np.maximum(pixels, 1), 0)[1:]
        for item_index in range(len(classes)):
            rows, columns = (np.flatnonzero((mask == item_index + 1).any(axis)) for axis in (1, 0))
            examples["boxes"][number, item_index] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return examples


def _background(size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns an image with a linear gradient between two random gray levels, and noise."""
    low, high = rng.uniform(0, 80, 2)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.linspace(-0.5, 0.5, size)
    slope = np.cos(angle) * ramp + np.sin(angle) * ramp[:, np.newaxis]
    gradient = (low + high) / 2 + (high - low) / np.sqrt(2) * slope
    return np.clip(gradient + rng.normal(0, 6, (size, size)), 0, 255).astype(np.uint8)


def _paste(
    item: np.ndarray, image: np.ndarray, mask: np.ndarray, pixels: np.ndarray, number: int, rng: np.random.Generator
) -> bool:
    """Pastes an item at a random position, unless it covers too much of the others in all trials.

    Args:
        item: Gray levels of the item, whose darkest pixels are transparent.
        image: Image to change.
        mask: Mask of the items in the image, to change.
        pixels: Number of pixels of each item before others covered it. The first element is for the background.
        number: Number of the item in the mask.
        rng: Random generator.

    Returns:
        `True` if the item was pasted.
    """
    visible = np.bincount(mask.ravel(), minlength=len(pixels))
    for _ in range(TRIALS):
        side = int(rng.integers(SIDES[0], SIDES[1] + 1))
        left, top = rng.integers(0, len(image) - side + 1, 2)
        nearest = (np.arange(side) * len(item)) // side
        scaled = item[nearest[:, np.newaxis], nearest]
        region = np.s_[top : top + side, left : left + side]
        shown = scaled > DARKEST
        covered = np.bincount(mask[region][shown], minlength=len(pixels))
        if shown.any() and (visible - covered >= (1 - OVERLAP) * pixels)[1:].all():
            image[region][shown] = scaled[shown]
            mask[region][shown] = number
            pixels[number] = shown.sum()
            return True
    return False
