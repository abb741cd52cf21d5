"""Benchmark case of the Euclidean distance transform of 16 images of 256 x 256 pixels."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward
from tensorsmith.benchmarks.kernels.connected_components import blobs


def _work(provider: str) -> Work:
    images = blobs()
    if provider == "scipy":
        from scipy.ndimage import distance_transform_edt

        return lambda: [distance_transform_edt(image) for image in images]
    from tensorsmith import ops

    with ops.use("compiled" if provider == "tensorsmith" else "reference"):
        work = forward(ops.distance_transform, [images[..., np.newaxis]])
        work()  # traces
    return work


CASES = {"distance_transform": KernelCase(_work, ("tensorsmith", "tensorflow", "scipy"), {"tensorflow": 3, "scipy": 2})}
