"""Sliced Wasserstein distance between images."""

import numpy as np
from keras import ops

from tensorsmith.core import check, export, is_integer
from tensorsmith.core.types import TensorLike

BLUR = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype("float32") / 256  # binomial filter of Burt and Adelson


@export
def sliced_wasserstein_distance(
    real: TensorLike,
    fake: TensorLike,
    levels: int = 2,
    patch_size: int = 7,
    patches: int = 16,
    projections: int = 128,
    seed: int = 0,
) -> np.ndarray:
    """Return the sliced Wasserstein distance between real and generated images at each scale.

    A Laplacian pyramid divides the images into details of different scales, from fine to coarse. At each level, random
    patches of both sets, whose channels are standardized, are projected onto random directions. The distance is the
    mean absolute difference between the sorted projections, averaged over directions. It compares the local structure
    of the images, such as edges and textures, but not their contents.

    Sources: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018; Rabin et
    al., "Wasserstein Barycenter and its Application to Texture Mixing", 2011. The paper multiplies the values by 1000.

    Args:
        real: Tensor of real images, of shape `(n, height, width, channels)`.
        fake: Tensor of generated images, of the same shape.
        levels: Number of levels, each of which halves the images.
        patch_size: Height and width of the patches in pixels.
        patches: Number of patches of each image. The paper uses 128.
        projections: Number of directions. The paper uses 512.
        seed: Integer to seed the positions of the patches and the directions.

    Returns:
        A NumPy array of shape `(levels,)`, which starts with the finest details.

    Raises:
        ValueError: If the shapes differ, or the images are smaller than a patch at the coarsest level.

    Example:
        >>> import numpy as np
        >>> images = np.random.default_rng(0).random((50, 16, 16, 1))
        >>> sliced_wasserstein_distance(images, images, patch_size=5)
        array([0., 0.])
    """
    real, fake = (np.asarray(ops.convert_to_numpy(images), "float32") for images in (real, fake))
    check(real.ndim == 4 and len(real) > 0, "real", real.shape, "have shape (n, height, width, channels)")
    check(fake.shape == real.shape, "fake", fake.shape, f"have shape {real.shape} to match `real`")
    sizes = {"levels": levels, "patch_size": patch_size, "patches": patches, "projections": projections}
    for name, value in sizes.items():
        check(is_integer(value) and value > 0, name, value, "a positive integer")
    smallest = min(real.shape[1:3]) // 2 ** (levels - 1)
    expected = f"at most {smallest}, the size of the images at level {levels}"
    check(patch_size <= smallest, "patch_size", patch_size, expected, "pass fewer levels")
    random = np.random.default_rng(seed)
    return np.array(
        [
            _distance(part, other, patch_size, patches, projections, random)
            for part, other in zip(_pyramid(real, levels), _pyramid(fake, levels), strict=True)
        ]
    )


def _pyramid(images: np.ndarray, levels: int) -> list[np.ndarray]:
    """Return the levels of the Laplacian pyramid, the last of which contains the remaining coarse image."""
    parts = []
    for _ in range(levels - 1):
        coarse = _blurred(images)[:, ::2, ::2]
        # Upsampling inserts zeros between the pixels, which the filter fills.
        large = np.zeros_like(images)
        large[:, ::2, ::2] = coarse
        parts.append(images - 4 * _blurred(large))
        images = coarse
    return [*parts, images]


def _blurred(images: np.ndarray) -> np.ndarray:
    channels = images.shape[-1]
    kernel = np.repeat(BLUR[..., None, None], channels, axis=2)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    return ops.convert_to_numpy(ops.depthwise_conv(padded, kernel, padding="valid"))


def _distance(
    real: np.ndarray, fake: np.ndarray, size: int, patches: int, projections: int, random: np.random.Generator
) -> float:
    """Return the sliced Wasserstein distance between random patches at the same positions of both sets."""
    count, height, width, channels = real.shape
    example = np.repeat(np.arange(count), patches)
    rows, columns = (random.integers(side - size + 1, size=len(example)) for side in (height, width))
    directions = random.normal(size=(size * size * channels, projections)).astype("float32")
    directions /= np.linalg.norm(directions, axis=0)
    projected = []
    for images in (real, fake):
        windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
        chosen = windows[example, rows, columns]  # (patches, channels, size, size)
        chosen = chosen - chosen.mean(axis=(0, 2, 3), keepdims=True)
        chosen /= np.maximum(chosen.std(axis=(0, 2, 3), keepdims=True), 1e-8)
        # Sorting rows is faster than sorting columns.
        projected.append(np.sort(directions.T @ chosen.reshape(len(chosen), -1).T, axis=1))
    return float(np.mean(np.abs(projected[0] - projected[1])))
