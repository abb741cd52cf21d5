"""Benchmark cases of bilinear interpolation: a warp by a flow field, for 32 channels and for RGB images."""

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, torch_with_gradients, with_gradients
from tensorsmith.core.types import Tensor

BATCH, SIZE = 8, 128


def _work(channels: int, provider: str) -> Work:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(BATCH, SIZE, SIZE, channels)).astype("float32")
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1)
    flow = rng.normal(scale=4, size=(BATCH, SIZE, SIZE, 2))
    positions = (grid + flow).astype("float32").reshape(BATCH, SIZE * SIZE, 2)
    if provider == "torch":
        import torch

        def sampled(images: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
            scaled = positions.reshape(BATCH, SIZE, SIZE, 2) * (2 / (SIZE - 1)) - 1
            return torch.nn.functional.grid_sample(images, scaled, padding_mode="border", align_corners=True)

        return torch_with_gradients(sampled, [images.transpose(0, 3, 1, 2).copy(), positions])
    if provider == "tensorsmith":
        return with_gradients(_ours, [images, positions])
    return with_gradients(_gathered, [images, positions], jit=provider == "xla")


def _ours(images: Tensor, positions: Tensor) -> Tensor:
    from tensorsmith import ops

    return ops.resample(images, positions, padding_mode="border")


def _gathered(images: Tensor, positions: Tensor) -> Tensor:
    """Interpolate with TensorFlow ops, as `interpolate_bilinear` of TensorFlow Addons."""
    import tensorflow as tf

    batch, height, width, channels = images.shape
    floors = tf.clip_by_value(tf.floor(positions), 0, SIZE - 2)
    x, y = (fraction[..., tf.newaxis] for fraction in tf.unstack(tf.clip_by_value(positions - floors, 0, 1), axis=-1))
    column, row = tf.unstack(tf.cast(floors, tf.int32), axis=-1)
    flat = tf.reshape(images, [batch, height * width, channels])
    corner = row * width + column
    upper_left, upper_right, lower_left, lower_right = (
        tf.gather(flat, corner + step, batch_dims=1) for step in (0, 1, width, width + 1)
    )
    upper = upper_left + x * (upper_right - upper_left)
    lower = lower_left + x * (lower_right - lower_left)
    return upper + y * (lower - upper)


def _case(channels: int, target: float) -> KernelCase:
    megabytes = BATCH * SIZE * SIZE * (4 * channels + 4) * 4 / 1e6  # images, results and their gradients
    providers = ("tensorsmith", "tensorflow", "xla", "torch")
    return KernelCase(lambda provider: _work(channels, provider), providers, {"tensorflow": target}, megabytes)


CASES = {"resample": _case(32, 4), "resample_rgb": _case(3, 2.5)}
