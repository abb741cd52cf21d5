"""Benchmark `tensorsmith bench vision`: training images per second of networks for vision, beside Keras and PyTorch.

A measurement is one epoch over images in memory, in bytes, with shuffling, a random flip and the cast to [0, 1] in the
input pipeline. The implementations are `Trainer` in float32 and in `mixed_bfloat16`, Keras `fit` with a network of
Keras layers, and PyTorch with its default memory format, with `channels_last`, and with `channels_last` and
`torch.compile`. All use AdamW. The limit is the highest rate of floating-point operations that was measured on this
machine in float32, divided by the operations of the convolutions and matrix products.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark, Contender
from tensorsmith.benchmarks.epochs import KerasEpochs, TorchEpochs, TrainerEpochs
from tensorsmith.benchmarks.ops import ceilings
from tensorsmith.benchmarks.torch_vision import TORCH_NETWORKS
from tensorsmith.core import load_tensorflow

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Shape = tuple[int, int, int]
ANCHORS = np.array([(16, 27), (29, 15), (30, 35)], np.float32)  # widths and heights
CELL, CLASSES = 8, 10
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class VisionCase:
    """Benchmark case of a network.

    Attributes:
        shape: Height, width and number of channels of the images.
        batch_size: Number of images per batch.
        steps: Number of batches of an epoch.
        targets: Mapping from implementations to target speedups.
    """

    shape: Shape
    batch_size: int
    steps: int
    targets: dict[str, float]


TORCH = ("torch", "torch_channels_last", "torch_compile")
AT_LEAST_KERAS = {"keras": 1.0}
CASES = {
    "cnn": VisionCase((28, 28, 1), 64, 60, AT_LEAST_KERAS | dict.fromkeys(TORCH, 1.0)),
    "resnet18": VisionCase((64, 64, 3), 32, 20, AT_LEAST_KERAS),
    "unet": VisionCase((64, 64, 3), 16, 60, AT_LEAST_KERAS),
    "vit": VisionCase((64, 64, 3), 32, 30, {"keras": 1.5} | dict.fromkeys(TORCH, 1.0)),
    "detector": VisionCase((64, 64, 1), 64, 100, AT_LEAST_KERAS),
}


def arrays(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images, and classes, masks or boxes on a grid."""
    shape, rng = CASES[case].shape, np.random.default_rng(0)
    count = CASES[case].batch_size * CASES[case].steps
    images = rng.integers(0, 256, (count, *shape), dtype="uint8")
    if case == "unet":
        return images, rng.integers(0, CLASSES, (count, *shape[:2]))
    if case == "detector":
        targets = np.zeros((count, shape[0] // CELL, shape[1] // CELL, 5 * len(ANCHORS) + CLASSES), "float32")
        rows, columns = rng.integers(0, shape[0] // CELL, (2, count))
        targets[np.arange(count), rows, columns, :5] = 0.5, 0.5, 0.0, 0.0, 1.0
        targets[np.arange(count), rows, columns, 5 * len(ANCHORS) + rng.integers(0, CLASSES, count)] = 1.0
        return images, targets
    return images, rng.integers(0, CLASSES, count)


def network(case: str) -> "keras.Model":
    """Build the network of a case."""
    import keras

    from tensorsmith.models import resnet, unet, vit, yolo
    from tensorsmith.recipes import find_recipe

    shape = CASES[case].shape
    match case:
        case "cnn":
            recipe: Any = find_recipe("cnn/fashion_mnist").recipe
            model: keras.Model = recipe.build_trainer(recipe.config_class()).model
            return model
        case "resnet18":
            return resnet("18", shape, CLASSES)
        case "unet":
            return unet("small", shape, CLASSES)
        case "vit":
            return vit("tiny", shape, CLASSES, patch_size=8, blocks=6)
        case _:
            backbone = resnet("18", shape, classes=None, width=0.25)
            features = {name: backbone.output[name] for name in ("stride_8", "stride_16")}
            return yolo(keras.Model(backbone.input, features), len(ANCHORS), CLASSES, stride=CELL, filters=64)


def keras_network(case: str) -> "keras.Model":
    """Build a network of Keras layers. The convolutional networks consist of them."""
    if case != "vit":
        return network(case)
    import keras
    from keras import layers

    from tensorsmith.layers import LearnedPositionalEncoding

    inputs = keras.Input(CASES[case].shape)
    x = layers.Reshape((64, 192))(layers.Conv2D(192, 8, 8)(inputs))
    x = layers.ZeroPadding1D((1, 0))(x)
    x = LearnedPositionalEncoding(65)(x)  # Keras has no such layer
    for _ in range(6):
        normalized = layers.LayerNormalization(epsilon=1e-6)(x)
        x = x + layers.MultiHeadAttention(3, 64)(normalized, normalized)
        hidden = layers.Dense(768, "gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
        x = x + layers.Dense(192)(hidden)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(inputs, layers.Dense(CLASSES, "softmax")(x[:, 0]))


def dataset(case: str, flip: Callable[["tf.data.Dataset"], "tf.data.Dataset"]) -> "tf.data.Dataset":
    """Return the input pipeline. The thread that tunes pipelines is off, see accelerate.py."""
    import tensorflow as tf

    images, targets = arrays(case)
    batches = tf.data.Dataset.from_tensor_slices((images, targets)).shuffle(len(images)).batch(CASES[case].batch_size)
    options = tf.data.Options()
    options.autotune.enabled = False
    scaled = flip(batches).map(lambda x, y: (tf.cast(x, tf.float32) / 255, y))
    return scaled.prefetch(2).with_options(options)


def loss_of(case: str) -> Any:
    """Return the loss of a case."""
    from tensorsmith.losses import YOLOLoss

    return YOLOLoss(len(ANCHORS)) if case == "detector" else "sparse_categorical_crossentropy"


def _trainer(case: str, policy: str) -> Contender:
    """Return `Trainer` with the augmentation of tensorsmith."""
    load_tensorflow()
    import keras

    from tensorsmith.data.pipelines import map_with_seed
    from tensorsmith.image import augment
    from tensorsmith.optimizers import AdamW
    from tensorsmith.training import Trainer

    keras.config.set_dtype_policy(policy)
    flip = augment.random_flip()
    data = dataset(case, map_with_seed(lambda seed, x, y: (flip(seed, x), y), seed=0))
    return TrainerEpochs(Trainer(network(case), AdamW(LEARNING_RATE), loss_of(case)), [data], _images(case))


def _keras(case: str) -> Contender:
    """Return Keras `fit` with an augmentation layer of Keras in the input pipeline."""
    load_tensorflow()
    import keras

    flip = keras.layers.RandomFlip("horizontal", seed=0)
    data = dataset(case, lambda batches: batches.map(lambda x, y: (flip(x, training=True), y)))
    model = keras_network(case)
    model.compile(keras.optimizers.AdamW(LEARNING_RATE), loss_of(case))
    return KerasEpochs(model, data, _images(case))


def _torch(case: str, channels_last: bool, compiled: bool) -> Contender:
    """Return PyTorch with the usual loop over tensors."""
    import torch

    model, loss = TORCH_NETWORKS[case](CASES[case].shape)
    images, targets = (torch.from_numpy(array) for array in arrays(case))
    images = images.movedim(-1, 1).contiguous()
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)

    def prepare(x: torch.Tensor) -> torch.Tensor:
        flipped = torch.rand(len(x), 1, 1, 1) < 0.5
        return torch.where(flipped, x.flip(-1), x).float() / 255

    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, fused=True)
    return TorchEpochs(model, loss, (images, targets), CASES[case].batch_size, optimizer, compiled, prepare)


def _images(case: str) -> int:
    return CASES[case].batch_size * CASES[case].steps


def _providers(case: str) -> dict[str, bool]:
    """Return a dict that maps each implementation to `True` if it is installed."""
    installed = bool(importlib.util.find_spec("torch"))
    return {"tensorsmith": True, "tensorsmith_bfloat16": True, "keras": True, **dict.fromkeys(TORCH, installed)}


def _prepare(case: str, provider: str) -> Contender:
    """Return an implementation that is ready to be measured on a case."""
    if provider in TORCH:
        return _torch(case, channels_last=provider != "torch", compiled=provider == "torch_compile")
    if provider == "keras":
        return _keras(case)
    return _trainer(case, "mixed_bfloat16" if provider == "tensorsmith_bfloat16" else "float32")


@cache
def _floor(case: str) -> float | None:
    """Return the number of images per second at the highest rate of operations, with 6 per multiplication.

    A multiplication and an addition are made in the forward pass, and in each of the two products of the backward pass.
    """
    load_tensorflow()
    from tensorsmith.models import model_budget

    _, operations_per_second = ceilings()
    multiplications = model_budget(network(case)).multiplications
    return operations_per_second / (6 * multiplications) if multiplications else None


BENCHMARK = Benchmark(
    cases=CASES,
    providers=_providers,
    prepare=_prepare,
    unit=lambda case: "images/s",
    lower_is_better=False,
    targets=lambda case: CASES[case].targets,
    floor=_floor,
)
