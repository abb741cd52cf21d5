"""Benchmark `tensorsmith bench image`: functions for images compared with TensorFlow, Keras, torchvision and others.

The images have 224 x 224 x 3 uint8 pixels, and non-maximum suppression has 10,000 boxes. The provider `tensorflow` uses
`tf.image`, `keras` the layers of Keras, and `addons_ops` the compiled ops of TensorFlow Addons in the environment that
`make parity` builds. A measurement is the time of one batch of images.
"""

import functools
import importlib
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tensorsmith.benchmarks.peers import PeerCase, Work, benchmark_of
from tensorsmith.core.types import Tensor

BATCH, SIDE = 64, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ANGLE = 0.3  # radians
THREADS = 2  # for libraries whose functions process one image


def photographs() -> np.ndarray:
    """Return smooth random images of shape `(batch, side, side, 3)`."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (BATCH, 8, 8, 3))
    fine = coarse.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2) + rng.normal(0, 8, (BATCH, SIDE, SIDE, 3))
    return np.clip(fine, 0, 255).astype(np.uint8)


def shapes() -> np.ndarray:
    """Return binary images of random blobs, of shape `(batch, side, side)`."""
    images = photographs()[..., 0] > 127
    return images.astype(np.uint8)


# Flip, crop of a part of the image that is resized to 224 x 224, rotation, colors, normalization.
def _augmentation(provider: str) -> Work:
    makers = {
        "tensorsmith": _augmented_by_us,
        "tensorflow": _augmented_by_tf_image,
        "keras": _augmented_by_keras,
        "torchvision": _augmented_by_torchvision,
    }
    return makers[provider](photographs())


def _next_batch(dataset: Any) -> Work:
    iterator: Iterator[Any] = iter(dataset)
    return lambda: next(iterator)


def _augmented_by_us(images: np.ndarray) -> Work:
    import tensorflow as tf

    from tensorsmith.image import augment

    augmentation = augment.chain(
        augment.random_flip(),
        augment.random_resized_crop(SIDE, SIDE, scale=(0.25, 1.0)),
        augment.random_affine(rotation=15, fill_mode="reflect"),
        augment.random_color_jitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05),
        augment.normalize(MEAN, STD),
    )
    batches = tf.data.Dataset.from_tensors(images).repeat()
    seeds = tf.data.Dataset.random(1).batch(2)
    return _next_batch(tf.data.Dataset.zip(seeds, batches).map(augmentation))


def _augmented_by_tf_image(images: np.ndarray) -> Work:
    import tensorflow as tf

    def augmented(seed: Tensor, image: Tensor) -> Tensor:
        image = tf.image.stateless_random_flip_left_right(image, seed)
        whole = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.shape(image), whole, seed, area_range=(0.25, 1.0)
        )
        image = tf.image.resize(tf.slice(image, begin, size), (SIDE, SIDE)) / 255
        image.set_shape((SIDE, SIDE, 3))
        angle = tf.random.stateless_uniform([], seed, -1, 1) * math.radians(15)
        image = _rotated(image[tf.newaxis], angle, "REFLECT")[0]
        image = tf.image.stateless_random_hue(image, 0.05, seed)
        image = tf.image.stateless_random_saturation(image, 0.8, 1.2, seed)
        image = tf.image.stateless_random_contrast(image, 0.8, 1.2, seed)
        image = tf.clip_by_value(tf.image.stateless_random_brightness(image, 0.2, seed), 0, 1)
        return (image - MEAN) / STD

    seeds = tf.data.Dataset.random(1).batch(2)
    dataset = tf.data.Dataset.zip(seeds, tf.data.Dataset.from_tensor_slices(images).repeat())
    return _next_batch(dataset.map(augmented, num_parallel_calls=THREADS).batch(BATCH))


def _rotated(images: Tensor, angle: Tensor, fill_mode: str) -> Tensor:
    """Return images after a rotation by TensorFlow's op, which `tf.image` does not contain."""
    import tensorflow as tf

    middle = (SIDE - 1) / 2
    cosine, sine = tf.cos(angle), tf.sin(angle)
    x_offset, y_offset = middle * (1 - cosine + sine), middle * (1 - cosine - sine)
    transform = tf.stack([cosine, -sine, x_offset, sine, cosine, y_offset, 0.0, 0.0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transform[tf.newaxis],
        output_shape=(SIDE, SIDE),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=fill_mode,
    )


def _augmented_by_keras(images: np.ndarray) -> Work:
    import keras
    import tensorflow as tf

    layers = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomZoom((-0.5, 0.0)),
        keras.layers.RandomRotation(15 / 360),
        keras.layers.RandomColorJitter(
            value_range=(0, 255), brightness_factor=0.2, contrast_factor=0.2, saturation_factor=0.2, hue_factor=0.05
        ),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Normalization(mean=MEAN, variance=[deviation**2 for deviation in STD]),
    ]

    def augmented(batch: Tensor) -> Tensor:
        for layer in layers:
            batch = layer(batch, training=True)
        return batch

    return _next_batch(tf.data.Dataset.from_tensors(images).repeat().map(augmented))


def _augmented_by_torchvision(images: np.ndarray) -> Work:
    import torch
    from torchvision.transforms import v2

    chain = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomResizedCrop(SIDE, scale=(0.25, 1.0), antialias=False),
            v2.RandomRotation(15, interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(0.2, 0.2, 0.2, 0.05),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(THREADS)
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    return lambda: torch.stack(list(pool.map(chain, tensors)))


def _rotate(provider: str) -> Work:
    images = photographs()
    if provider == "opencv":
        import cv2

        middle = (SIDE - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), math.degrees(ANGLE), 1.0)
        return _for_each(lambda image: cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR), images)
    if provider == "scipy":
        from scipy.ndimage import rotate

        return _for_each(lambda image: rotate(image, math.degrees(ANGLE), reshape=False, order=1), images)
    return _compiled(lambda module, x: module.rotate(x, ANGLE, interpolation="bilinear"), provider, images)


def _gaussian(provider: str) -> Work:
    images = photographs()
    if provider == "opencv":
        import cv2

        return _for_each(lambda image: cv2.GaussianBlur(image, (5, 5), 1.0), images)
    if provider == "scipy":
        from scipy.ndimage import gaussian_filter

        return _for_each(lambda image: gaussian_filter(image, (1, 1, 0), truncate=2), images)
    return _compiled(lambda module, x: module.gaussian_filter2d(x, 5, 1.0), provider, images)


def _median(provider: str) -> Work:
    images = photographs()
    if provider == "opencv":
        import cv2

        return _for_each(lambda image: cv2.medianBlur(image, 5), images)
    if provider == "scipy":
        from scipy.ndimage import median_filter

        return _for_each(lambda image: median_filter(image, (5, 5, 1)), images)
    return _compiled(lambda module, x: module.median_filter2d(x, 5), provider, images)


def _components(provider: str) -> Work:
    images = shapes()
    if provider == "opencv":
        import cv2

        return _for_each(lambda image: cv2.connectedComponents(image, connectivity=4)[1], images)
    if provider == "scipy":
        from scipy.ndimage import label

        return _for_each(lambda image: label(image)[0], images)
    return _compiled(lambda module, x: module.connected_components(x), provider, images)


def _distances(provider: str) -> Work:
    images = shapes()
    if provider == "opencv":
        import cv2

        return _for_each(lambda image: cv2.distanceTransform(image, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), images)
    if provider == "scipy":
        from scipy.ndimage import distance_transform_edt

        return _for_each(lambda image: distance_transform_edt(image), images)
    return _compiled(lambda module, x: module.euclidean_dist_transform(x), provider, images[..., np.newaxis])


def _non_max_suppression(provider: str) -> Work:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 1000, (10_000, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(10, 100, corners.shape)], axis=1).astype("float32")
    scores = rng.uniform(0, 1, len(boxes)).astype("float32")
    if provider == "torchvision":
        import torch
        from torchvision.ops import nms

        tensors = torch.from_numpy(boxes), torch.from_numpy(scores)
        return lambda: nms(*tensors, 0.5)
    import tensorflow as tf

    from tensorsmith.image.boxes import non_max_suppression

    select = non_max_suppression if provider == "tensorsmith" else tf.image.non_max_suppression
    run = tf.function(functools.partial(select, max_output_size=len(boxes), iou_threshold=0.5))
    constants = tf.constant(boxes), tf.constant(scores)
    return lambda: run(*constants)


def _compiled(function: Callable[[Any, Any], Any], provider: str, images: np.ndarray) -> Work:
    """Return the call of a function of tensorsmith or TensorFlow Addons, in a `tf.function`."""
    import tensorflow as tf

    module = importlib.import_module("tensorsmith.image" if provider == "tensorsmith" else "tensorflow_addons.image")
    run, batch = tf.function(functools.partial(function, module)), tf.constant(images)
    return lambda: run(batch)


def _for_each(function: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> Work:
    """Return the call of a function for each image, in two threads."""
    pool = ThreadPoolExecutor(THREADS)
    return lambda: np.stack(list(pool.map(function, images)))


LIBRARIES = ("addons_ops", "opencv", "scipy")
CASES = {
    "augmentation": PeerCase(_augmentation, {"tensorflow": 2, "keras": 1.5, "torchvision": 1.5}),
    "rotate": PeerCase(_rotate, dict.fromkeys(LIBRARIES, 1.0)),
    "gaussian_filter": PeerCase(_gaussian, dict.fromkeys(LIBRARIES, 1.0)),
    "median_filter": PeerCase(_median, dict.fromkeys(LIBRARIES, 1.0)),
    "connected_components": PeerCase(_components, dict.fromkeys(LIBRARIES, 1.0)),
    "distance_transform": PeerCase(_distances, dict.fromkeys(LIBRARIES, 1.0)),
    "non_max_suppression": PeerCase(_non_max_suppression, {"tensorflow": 1.0, "torchvision": 1.0}),
}

BENCHMARK = benchmark_of(CASES)
