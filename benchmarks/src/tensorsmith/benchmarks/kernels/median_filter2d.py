"""Benchmark cases of the medians of windows in 8 images of 224 x 224 pixels with 3 channels."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward


def _case(size: int, dtype: str, others: tuple[str, ...]) -> KernelCase:
    def work(provider: str) -> Work:
        length = 224 + size - 1
        images = np.random.default_rng(0).integers(0, 256, (8, length, length, 3)).astype(dtype)
        if provider == "scipy":
            from scipy.ndimage import median_filter

            return lambda: median_filter(images, (1, size, size, 1))
        from tensorsmith import ops

        with ops.use("compiled" if provider == "tensorsmith" else "reference"):
            run = forward(lambda images: ops.median_filter2d(images, (size, size)), [images])
            run()  # traces
        return run

    return KernelCase(work, ("tensorsmith", *others), dict.fromkeys(others, 5))


CASES = {
    "median_filter2d": _case(5, "uint8", ("tensorflow", "scipy")),
    "median_filter2d_float": _case(3, "float32", ("tensorflow", "scipy")),
    "median_filter2d_large": _case(15, "uint8", ("scipy",)),  # TensorFlow needs seconds
}
