"""Benchmark `tensorsmith bench transformers`: training sequences per second of Transformers.

A measurement is one epoch over arrays in memory, in random order. The implementations are `Trainer` with the networks
of `tensorsmith.models`, Keras `fit` with the same networks of Keras layers and a dataset of the arrays, and the usual
loop over tensors of PyTorch with its own Transformer layers, also with `torch.compile`. All use their own AdamW, a
dropout rate of 0.1 and track the loss. The GPT reads sequences of a fixed length. Those of the BERT, a classifier of
its first token, and of the encoder-decoder have 1 to the maximum number of tokens, and are padded. The limit is the
time that TensorFlow takes for the matrix products of the dense layers and of the logits: that of the forward pass, and
two in the backward pass.
"""

import importlib.util
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark, Contender
from tensorsmith.benchmarks.epochs import KerasEpochs, TorchEpochs, TrainerEpochs, shuffled_batches
from tensorsmith.benchmarks.torch_transformers import TORCH_NETWORKS
from tensorsmith.core import load_tensorflow

if TYPE_CHECKING:
    import keras

DROPOUT, LEARNING_RATE, WEIGHT_DECAY = 0.1, 1e-3, 0.01


@dataclass(frozen=True)
class TransformerCase:
    """Benchmark case of a Transformer.

    Attributes:
        tokens: Size of the vocabulary.
        length: Maximum number of steps.
        width: Number of features.
        blocks: Number of blocks, of the encoder and of the decoder.
        heads: Number of attention heads.
        hidden: Number of units of the hidden dense layers.
        batch: Number of sequences of a batch.
        steps: Number of batches of an epoch.
    """

    tokens: int
    length: int
    width: int
    blocks: int
    heads: int
    hidden: int
    batch: int
    steps: int


CASES = {
    "gpt": TransformerCase(2_000, 128, 288, 4, 12, 1152, 16, 12),
    "bert": TransformerCase(3_000, 128, 256, 4, 4, 1024, 16, 16),
    "encoder_decoder": TransformerCase(2_000, 48, 256, 2, 8, 1024, 32, 16),
}


def arrays(case: str) -> tuple[Any, np.ndarray]:
    """Return tokens and the next tokens, or for the BERT tokens with segments and labels."""
    about, rng = CASES[case], np.random.default_rng(0)
    count = about.batch * about.steps
    tokens = rng.integers(4, about.tokens, (count, about.length + 1), dtype="int32")
    if case == "gpt":
        return tokens[:, :-1], np.ascontiguousarray(tokens[:, 1:])
    tokens[np.arange(about.length + 1) >= rng.integers(2, about.length + 2, (count, 1))] = 0
    if case == "bert":
        tokens = np.ascontiguousarray(tokens[:, :-1])
        return {"tokens": tokens, "segments": np.zeros_like(tokens)}, rng.integers(0, 2, count, dtype="int32")
    source = rng.permutation(tokens[:, :-1])
    return {"source": source, "target": tokens[:, :-1]}, np.ascontiguousarray(tokens[:, 1:])


def network(case: str) -> "keras.Model":
    """Build the network of a case, whose outputs are logits."""
    import keras

    from tensorsmith.models import bert, gpt, transformer

    about = CASES[case]
    blocks, dropout = about.blocks, DROPOUT
    match case:
        case "gpt":
            return gpt("small", about.tokens, about.length, about.width / 768, blocks, dropout)
        case "bert":
            encoder = bert("mini", about.tokens, about.length, blocks=blocks, dropout=dropout, normalize_first=True)
            return keras.Model(encoder.input, keras.layers.Dense(2)(encoder.output["pooled"]))
        case _:
            width = about.width / 512
            return transformer("base", about.tokens, about.tokens, width, blocks, dropout, normalize_first=True)


def keras_network(case: str) -> "keras.Model":
    """Build the network of a case of Keras layers."""
    import keras

    from tensorsmith.layers import activations, decelerate

    model = decelerate(network(case))
    for layer in model.layers:
        if getattr(layer, "activation", None) is activations.gelu:  # a function with a kernel
            layer.activation = partial(keras.activations.gelu, approximate=True)
    return model


def loss_of(case: str) -> "keras.losses.Loss":
    """Return the loss of a case, which excludes padding."""
    import keras

    ignored = 0 if case == "encoder_decoder" else None
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=ignored)


def _providers(case: str) -> dict[str, bool]:
    """Return a dict that maps each implementation to `True` if it is installed."""
    torch = bool(importlib.util.find_spec("torch"))
    return {"tensorsmith": True, "keras": True, "torch": torch, "torch_compile": torch}


def _prepare(case: str, provider: str) -> Contender:
    """Return an implementation that is ready to be measured on a case."""
    about, (inputs, targets) = CASES[case], arrays(case)
    if provider.startswith("torch"):
        import torch

        model, loss = TORCH_NETWORKS[case](about, DROPOUT)
        optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
        # The loop selects rows of a single tensor of inputs. Segments are not needed, because all are 0.
        stacked = np.stack([inputs["source"], inputs["target"]], 1) if case == "encoder_decoder" else inputs
        stacked = inputs["tokens"] if case == "bert" else stacked
        tensors = [torch.from_numpy(array) for array in (stacked, targets)]
        return TorchEpochs(model, loss, tensors, about.batch, optimizer, compiled=provider == "torch_compile")
    load_tensorflow()
    import keras

    data = inputs, targets
    if provider == "keras":
        model = keras_network(case)
        model.compile(keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY), loss_of(case))
        return KerasEpochs(model, shuffled_batches(data, len(targets), about.batch), len(targets))
    from tensorsmith.optimizers import AdamW
    from tensorsmith.training import Trainer

    trainer = Trainer(network(case), AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY), loss_of(case))
    return TrainerEpochs(trainer, data, len(targets), batch_size=about.batch)


def _products(case: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield the rows, columns and inner sizes of the matrix products of a step, and their number."""
    about = CASES[case]
    rows, width = about.batch * about.length, about.width
    sides = 2 if case == "encoder_decoder" else 1
    attentions = 3 if case == "encoder_decoder" else 1  # of both sides, and between them
    yield rows, width, width, 4 * attentions * about.blocks
    yield rows, about.hidden, width, sides * about.blocks
    yield rows, width, about.hidden, sides * about.blocks
    if case != "bert":
        yield rows, about.tokens, width, 1


@cache
def _floor(case: str) -> float:
    """Return the number of sequences per second if only the matrix products took time."""
    load_tensorflow()
    import tensorflow as tf

    seconds = 0.0
    for rows, columns, inner, count in _products(case):
        # The product of the forward pass, and those of the gradients of its inputs and of the kernel.
        for shape in ((rows, inner, columns), (rows, columns, inner), (inner, rows, columns)):
            first, second = tf.random.normal(shape[:2]), tf.random.normal(shape[1:])
            times = []
            for _ in range(10):
                start = time.perf_counter()
                tf.matmul(first, second)
                times.append(time.perf_counter() - start)
            seconds += count * min(times)
    return CASES[case].batch / seconds


BENCHMARK = Benchmark(
    cases=CASES,
    providers=_providers,
    prepare=_prepare,
    unit=lambda case: "sequences/s",
    lower_is_better=False,
    targets=lambda case: {"keras": 1.4, "torch": 1.3},
    floor=_floor,
)
