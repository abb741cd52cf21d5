"""Benchmark case of the augmentation of 64 images of 224 x 224 x 3 pixels: warp, change of colors, normalization."""

from typing import Any

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward

SHAPE = (64, 224, 224, 3)


def _work(provider: str) -> Work:
    from tensorsmith import ops

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, SHAPE).astype("uint8")
    angle = rng.uniform(-0.3, 0.3, SHAPE[0])
    a, b, middle = 0.8 * np.cos(angle), 0.8 * np.sin(angle), SHAPE[1] / 2
    rows = [a, -b, middle * (1 - a + b), b, a, middle * (1 - a - b), 0 * a, 0 * a]
    colors = np.eye(3, 4) + rng.normal(scale=0.05, size=(SHAPE[0], 3, 4))
    options: dict[str, Any] = {"scale": [1 / 255.0] * 3, "offset": [-0.5] * 3, "limits": (0, 255)}
    with ops.use("compiled" if provider == "tensorsmith" else "reference"):
        work = forward(
            lambda images, transforms, colors: ops.augment_images(images, transforms, colors, SHAPE[1:3], **options),
            [images, np.stack(rows, axis=1).astype("float32"), colors.astype("float32")],
        )
        work()  # traces
    return work


# The images are read as bytes and written as float32.
CASES = {
    "augment_images": KernelCase(
        _work, ("tensorsmith", "tensorflow"), {"tensorflow": 2}, megabytes=5 * np.prod(SHAPE) / 1e6
    )
}
