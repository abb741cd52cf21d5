"""Augmentation of images with their boxes, masks and keypoints, as pure functions of a seed and an example."""

from tensorsmith.image.augment.augmentation import Augmentation, Step, chain
from tensorsmith.image.augment.colors import normalize, random_color_jitter
from tensorsmith.image.augment.geometry import random_affine, random_flip, random_resized_crop, resize
from tensorsmith.image.augment.keras_layer import keras_layer

__all__ = [
    "Augmentation",
    "Step",
    "chain",
    "keras_layer",
    "normalize",
    "random_affine",
    "random_color_jitter",
    "random_flip",
    "random_resized_crop",
    "resize",
]
