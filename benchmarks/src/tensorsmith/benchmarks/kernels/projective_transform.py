"""Benchmark cases of projective transforms: rotations of 64 RGB images of 224 x 224 pixels."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward
from tensorsmith.core.types import Tensor

BATCH, SIZE = 64, 224


def _work(interpolation: str, fill_mode: str, provider: str) -> Work:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, SIZE, SIZE, 3)).astype("uint8")
    angles = rng.uniform(-0.5, 0.5, BATCH)
    cos, sin, zero = np.cos(angles), np.sin(angles), np.zeros(BATCH)
    transforms = np.stack([cos, -sin, 40 * sin, sin, cos, -40 * sin, zero, zero], axis=1).astype("float32")

    def ours(images: Tensor, transforms: Tensor) -> Tensor:
        from tensorsmith import ops

        return ops.projective_transform(images, transforms, [SIZE, SIZE], interpolation, fill_mode)

    def theirs(images: Tensor, transforms: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=transforms,
            output_shape=[SIZE, SIZE],
            fill_value=0.0,
            interpolation=interpolation.upper(),
            fill_mode=fill_mode.upper(),
        )

    return forward(ours if provider == "tensorsmith" else theirs, [images, transforms])


def _case(interpolation: str, fill_mode: str) -> KernelCase:
    megabytes = 2 * BATCH * SIZE * SIZE * 3 / 1e6  # images and results
    providers = ("tensorsmith", "tensorflow")
    return KernelCase(
        lambda provider: _work(interpolation, fill_mode, provider), providers, {"tensorflow": 2.5}, megabytes
    )


CASES = {
    "projective_transform_bilinear": _case("bilinear", "constant"),
    "projective_transform_bilinear_reflect": _case("bilinear", "reflect"),
    "projective_transform_nearest": _case("nearest", "constant"),
    "projective_transform_nearest_wrap": _case("nearest", "wrap"),
}
