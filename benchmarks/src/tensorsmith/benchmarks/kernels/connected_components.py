"""Benchmark case of labeling the connected components of 16 images of 256 x 256 pixels."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward


def blobs() -> np.ndarray:
    """Return images of random smooth shapes, as uint8 numbers 0 and 1."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(0).normal(size=(16, 256, 256))
    return (gaussian_filter(noise, (0, 4, 4)) > 0).astype("uint8")


def _work(provider: str) -> Work:
    images = blobs()
    if provider == "scipy":
        from scipy.ndimage import label

        return lambda: [label(image) for image in images]
    from tensorsmith import ops

    with ops.use("compiled" if provider == "tensorsmith" else "reference"):
        work = forward(ops.connected_components, [images])
        work()  # traces
    return work


CASES = {
    "connected_components": KernelCase(_work, ("tensorsmith", "tensorflow", "scipy"), {"tensorflow": 10, "scipy": 1.5})
}
