"""Which way to a network with 90 % zero weights costs the least accuracy on Fashion-MNIST?

Data: Fashion-MNIST, 55,000 / 5,000 / 10,000 images of 28x28 pixels in 10 classes
Command: tensorsmith run deep/sparsity

Comparison: tensorsmith compare deep/sparsity --parallel 2

The smallest weights are set to zero after training (`zeroed`; `l1`, with an l1 penalty), or also during it (`pruned`).
`milliseconds` and `sparse_milliseconds` are the prediction times of 1,000 images with dense matrix products, on 2
threads, and with sparse ones of SciPy, on one thread. The curves show the accuracy before the pruning after the last
step.
"""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from jsonargparse.typing import OpenUnitInterval, PositiveFloat, PositiveInt
from scipy.sparse import csr_matrix

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.layers import prune_by_magnitude
from tensorsmith.optimizers import SGD
from tensorsmith.recipes import RecipeRun, TrainingSettings, run_script
from tensorsmith.schedules import CosineDecay
from tensorsmith.training import Every, Moment, Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    technique: Literal["dense", "zeroed", "l1", "pruned"] = "pruned"  # when the smallest weights are set to zero
    sparsity: OpenUnitInterval = 0.9  # fraction of the weights to set to zero, in all kernels together
    l1: PositiveFloat = 1e-4  # factor of the l1 penalty of the technique "l1"
    learning_rate: PositiveFloat = tune.log_uniform(
        3e-3, 0.3, default=0.03
    )  # initial learning rate of SGD with momentum 0.9, with cosine decay to 0
    units: tuple[PositiveInt, ...] = (300, 100)  # units of each hidden ReLU layer
    epochs: PositiveInt = 15
    train_size: PositiveInt = 55_000  # number of training examples


SCORE = "test accuracy"
ANSWER = """Pruning during training: compared with the dense network, the accuracy changes by {gain[pruned]}, by
{gain[l1]} with an l1 penalty, and by {gain[zeroed]} if weights are set to zero only after training ({seeds} seeds).
The compressed weights take {column[pruned/model compressed_kilobytes]} kB instead of
{column[dense/model compressed_kilobytes]} kB."""
SMOKE = {"epochs": 1, "train_size": 640}
VARIANTS = {name: {"technique": name} for name in ("dense", "zeroed", "l1", "pruned")}
COLUMNS = ("model compressed_kilobytes",)


def build_data(config: Config) -> dict[str, Any]:
    """Loads images of shape (n, 28, 28) in [0, 1] and labels from 0 to 9."""
    return load_splits("fashion_mnist", train_size=config.train_size)


def build_model(config: Config) -> keras.Model:
    """Builds a classifier with hidden ReLU layers."""
    penalty = keras.regularizers.L1(config.l1) if config.technique == "l1" else None
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten()])
    for units in config.units:
        model.add(keras.layers.Dense(units, "relu", kernel_initializer="he_normal", kernel_regularizer=penalty))
    model.add(keras.layers.Dense(10, "softmax", kernel_regularizer=penalty))
    if config.technique == "pruned":
        prune_by_magnitude(model, 0.0)  # adds the masks, which change during training
    return model


def build_trainer(config: Config) -> Trainer:
    """Builds a trainer with cross-entropy loss and SGD with momentum and a cosine schedule."""
    optimizer = SGD(CosineDecay(config.learning_rate, "100%"), momentum=0.9)
    return Trainer(build_model(config), optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=config.jit)


def callbacks(config: Config, folder: Path) -> Sequence[keras.callbacks.Callback]:
    """Returns callbacks that set weights to zero: after the last step, and with growing sparsity every 50 steps.

    The sparsity reaches its final value after half of the run (Zhu and Gupta, "To Prune, or Not to Prune", 2017).
    """
    steps = config.epochs * -(-config.train_size // config.batch_size)

    def prune(moment: Moment) -> None:
        left = max(1 - moment.step / (0.5 * steps), 0.0)
        prune_by_magnitude(moment.model, config.sparsity * (1 - left**3), scope="global")

    intervals = {"dense": [], "pruned": [50, steps]}.get(config.technique, [steps])
    return [Every(f"{interval} steps", prune) for interval in intervals]


def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Returns the fraction of zeros, the compressed size of the weights, and the prediction times of 1,000 images.

    The second time is that of sparse matrix products, on one thread.
    """
    content = io.BytesIO()
    weights = trainer.model.get_weights()
    np.savez_compressed(content, *weights)
    kernels = weights[0::2]
    zeros = sum(np.sum(kernel == 0) for kernel in kernels) / sum(kernel.size for kernel in kernels)
    images = data["test"][0][:1000].reshape(1000, -1)
    sparse = [csr_matrix(kernel.T) for kernel in kernels]

    def forward(products: list[Any]) -> Any:
        values = images.T
        for product, bias in zip(products, weights[1::2], strict=True):
            values = np.maximum(product @ values + bias[:, None], 0)
        return values

    return {
        "model": {
            "zeros": float(zeros),
            "compressed_kilobytes": len(content.getvalue()) / 1000,
            "milliseconds": 1000 * best_time(lambda: forward([kernel.T for kernel in kernels])),
            "sparse_milliseconds": 1000 * best_time(lambda: forward(sparse)),
        }
    }


def best_time(function: Callable[[], Any]) -> float:
    """Returns the shortest of 10 execution times in seconds."""
    times = []
    for _ in range(10):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    run_script(__file__)
