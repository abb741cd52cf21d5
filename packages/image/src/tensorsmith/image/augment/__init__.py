"""Augmentation of images with their boxes, masks and keypoints, as pure functions of a seed and an example."""

from tensorsmith.image.augment.augmentation import Augmentation, chain
from tensorsmith.image.augment.colors import normalize, random_colors
from tensorsmith.image.augment.geometry import random_affine, random_crop, random_flip, resize
from tensorsmith.image.augment.keras_layer import keras_layer

__all__ = [
    "Augmentation",
    "chain",
    "keras_layer",
    "normalize",
    "random_affine",
    "random_colors",
    "random_crop",
    "random_flip",
    "resize",
]
