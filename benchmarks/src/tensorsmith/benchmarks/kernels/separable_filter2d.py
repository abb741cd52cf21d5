"""Benchmark cases of a Gaussian filter of 5 x 5 pixels, applied to 8 images of 224 x 224 pixels with 3 channels."""

from collections.abc import Mapping

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, forward

SHAPE = (8, 224, 224, 3)


def _case(dtype: str, targets: Mapping[str, float]) -> KernelCase:
    def work(provider: str) -> Work:
        images = np.random.default_rng(0).integers(0, 256, SHAPE).astype(dtype)
        if provider == "scipy":
            from scipy.ndimage import gaussian_filter

            return lambda: gaussian_filter(images, (0, 1, 1, 0), truncate=2, mode="mirror")
        if provider == "opencv":
            import cv2

            border = cv2.BORDER_REFLECT_101
            return lambda: np.stack([cv2.GaussianBlur(image, (5, 5), 1.0, borderType=border) for image in images])
        from tensorsmith import ops

        weights = np.exp(-(np.arange(-2, 3) ** 2) / 2)
        weights = (weights / weights.sum()).astype("float32")
        with ops.use("compiled" if provider == "tensorsmith" else "reference"):
            run = forward(lambda images: ops.separable_filter2d(images, weights, weights), [images])
            run()  # traces
        return run

    # Images are read and written, and each pixel is multiplied by ten weights and added as often.
    numbers = np.prod(SHAPE)
    megabytes = 2 * numbers * np.dtype(dtype).itemsize / 1e6
    return KernelCase(work, ("tensorsmith", *targets), dict(targets), megabytes=megabytes, gigaflops=20 * numbers / 1e9)


CASES = {
    "separable_filter2d": _case("uint8", {"tensorflow": 5, "opencv": 1, "scipy": 5}),
    "separable_filter2d_float": _case("float32", {"tensorflow": 3, "opencv": 1, "scipy": 5}),
}
