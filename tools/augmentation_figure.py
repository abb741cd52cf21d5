"""Draw docs/figures/augmentation.jpg: the augmentations of `tensorsmith.image` on a photograph, with a box.

Run `python tools/augmentation_figure.py` after a change of an augmentation. The photograph is part of scikit-learn.
"""

from pathlib import Path

import keras
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from sklearn.datasets import load_sample_image

from tensorsmith.image import augment

FIGURE = Path(__file__).parents[1] / "docs/figures/augmentation.jpg"
BOX = (88.0, 25.0, 322.0, 395.0)  # x_min, y_min, x_max, y_max of the temple
AUGMENTATIONS = {
    "random_flip": augment.random_flip(),
    "random_resized_crop": augment.random_resized_crop(427, 640, scale=(0.3, 0.6)),
    "resize, padded": augment.resize(420, 420, pad=True),
    "random_affine: rotation": augment.random_affine(rotation=90),
    "random_affine: zoom, reflect": augment.random_affine(zoom=(0.5, 0.6), fill_mode="reflect"),
    "random_affine: shear, nearest": augment.random_affine(shear=60, fill_mode="nearest"),
    "random_color_jitter: brightness, contrast": augment.random_color_jitter(brightness=0.3, contrast=0.6),
    "random_color_jitter: hue": augment.random_color_jitter(hue=0.3),
    "random_color_jitter: saturation": augment.random_color_jitter(saturation=1.0),
    "keras_layer: RandomErasing": augment.keras_layer(
        keras.layers.RandomErasing(factor=1.0, scale=(0.05, 0.1), fill_value=0, value_range=(0, 255))
    ),
}
AUGMENTATIONS["chain of flip, crop, rotation and colors"] = augment.chain(
    augment.random_flip(),
    augment.random_resized_crop(427, 640, scale=(0.5, 0.8)),
    augment.random_affine(rotation=20),
    augment.random_color_jitter(brightness=0.2, contrast=0.3, saturation=0.5, hue=0.1),
)
SEED = 8


def show(axes: Axes, title: str, example: dict) -> None:
    """Show an image with its box."""
    axes.imshow(example["image"])
    x_min, y_min, x_max, y_max = map(float, example["boxes"][0])
    axes.add_patch(Rectangle((x_min, y_min), x_max - x_min, y_max - y_min, fill=False, color="orange", linewidth=1.5))
    axes.set_title(title, fontsize=8)
    axes.axis("off")


if __name__ == "__main__":
    example = {"image": load_sample_image("china.jpg"), "boxes": [BOX]}
    figure, grid = plt.subplots(3, 4, figsize=(10, 5.6), layout="constrained")
    show(grid.flat[0], "image", example)
    for axes, (title, augmentation) in zip(grid.flat[1:], AUGMENTATIONS.items(), strict=True):
        show(axes, title, augmentation(SEED, example))
    figure.savefig(FIGURE, dpi=110)
