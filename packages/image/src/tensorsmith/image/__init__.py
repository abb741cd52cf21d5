"""Functions for images in TensorFlow: transforms, filters, warps, colors, connected components and distances."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.image.blend import blend
from tensorsmith.image.connected_components import connected_components
from tensorsmith.image.cutout import cutout, random_cutout
from tensorsmith.image.dense_image_warp import dense_image_warp
from tensorsmith.image.equalize import equalize
from tensorsmith.image.euclidean_dist_transform import euclidean_dist_transform
from tensorsmith.image.gaussian_filter2d import gaussian_filter2d
from tensorsmith.image.hsv_in_yiq import adjust_hsv_in_yiq, random_hsv_in_yiq
from tensorsmith.image.interpolate_bilinear import interpolate_bilinear
from tensorsmith.image.interpolate_spline import interpolate_spline
from tensorsmith.image.mean_filter2d import mean_filter2d
from tensorsmith.image.median_filter2d import median_filter2d
from tensorsmith.image.projective_transforms import (
    angles_to_projective_transforms,
    compose_transforms,
    flat_transforms_to_matrices,
    matrices_to_flat_transforms,
    translations_to_projective_transforms,
)
from tensorsmith.image.resampler import resampler
from tensorsmith.image.rotate import rotate
from tensorsmith.image.sharpness import sharpness
from tensorsmith.image.shear import shear_x, shear_y
from tensorsmith.image.sparse_image_warp import sparse_image_warp
from tensorsmith.image.transform import transform
from tensorsmith.image.translate import translate, translate_xy

__all__ = [
    "adjust_hsv_in_yiq",
    "angles_to_projective_transforms",
    "blend",
    "compose_transforms",
    "connected_components",
    "cutout",
    "dense_image_warp",
    "equalize",
    "euclidean_dist_transform",
    "flat_transforms_to_matrices",
    "gaussian_filter2d",
    "interpolate_bilinear",
    "interpolate_spline",
    "matrices_to_flat_transforms",
    "mean_filter2d",
    "median_filter2d",
    "random_cutout",
    "random_hsv_in_yiq",
    "resampler",
    "rotate",
    "sharpness",
    "shear_x",
    "shear_y",
    "sparse_image_warp",
    "transform",
    "translate",
    "translate_xy",
    "translations_to_projective_transforms",
]
