"""Benchmark `tensorsmith bench sequences`: training sequences per second of networks for text and time series.

A measurement is one epoch over arrays in memory, in random order. The implementations are `Trainer` with the networks
of `tensorsmith.models`, Keras `fit` with the same networks of Keras layers and a dataset of the arrays, and the usual
loop over tensors of PyTorch, also with `torch.compile`. All use Adam and track the loss. The sentences of the
classifier have 1 to 40 tokens and are padded to 40; the loop of PyTorch packs them. Source and target sequences of the
encoder-decoder have 1 to 25 tokens; it is not compared with PyTorch. The limit of the character models is the time that
TensorFlow takes for the matrix product of a recurrent step, three times per step: in the forward pass, and for the
gradients of the states and of the kernel.
"""

import importlib.util
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark, Contender
from tensorsmith.benchmarks.epochs import KerasEpochs, TorchEpochs, TrainerEpochs, shuffled_batches
from tensorsmith.benchmarks.torch_sequences import TORCH_NETWORKS
from tensorsmith.core import load_tensorflow

if TYPE_CHECKING:
    import keras

BATCH = 32
LEARNING_RATE = 1e-3
EMBEDDING, CLASSIFIER_UNITS = 64, 64


@dataclass(frozen=True)
class SequenceCase:
    """Benchmark case of a network.

    Attributes:
        length: Number of steps of the sequences.
        steps: Number of batches of an epoch.
        targets: Mapping from implementations to target speedups.
        tokens: Size of the vocabulary; 0 for sequences of numbers.
        units: Number of units of the recurrent layer.
    """

    length: int
    steps: int
    targets: dict[str, float]
    tokens: int = 0
    units: int = 0


FAST = {"keras": 2.0, "torch": 1.2}
CASES = {
    "masked_gru": SequenceCase(40, 100, FAST, 10_000, CLASSIFIER_UNITS),
    "char_rnn_256": SequenceCase(200, 20, FAST, 85, 256),
    "char_rnn_512": SequenceCase(200, 8, {}, 85, 512),
    "attention": SequenceCase(25, 50, {"keras": 1.5}, 2_000, 256),
    "wavenet": SequenceCase(50, 100, {"keras": 1.0}),
}


def arrays(case: str) -> tuple[Any, np.ndarray]:
    """Return padded tokens and labels, tokens and the next tokens, or series and their next ten values.

    The tokens of the encoder-decoder are a dict of padded sources and targets.
    """
    about, rng = CASES[case], np.random.default_rng(0)
    count = about.steps * BATCH
    if case == "wavenet":
        series = rng.normal(size=(count, about.length + 10)).astype("float32")
        targets = np.lib.stride_tricks.sliding_window_view(series[:, 1:], 10, axis=1)
        return series[:, : about.length, None], np.ascontiguousarray(targets)
    tokens = rng.integers(4, about.tokens, (count, about.length + 1), dtype="int32")
    if case in ("masked_gru", "attention"):
        tokens[np.arange(about.length + 1) >= rng.integers(1, about.length + 1, (count, 1))] = 0
    if case == "masked_gru":
        return tokens[:, : about.length], rng.integers(0, 2, count).astype("float32")
    if case == "attention":
        source = rng.permutation(tokens[:, : about.length])
        return {"source": source, "target": tokens[:, :-1]}, np.ascontiguousarray(tokens[:, 1:])
    return tokens[:, :-1], np.ascontiguousarray(tokens[:, 1:])


def network(case: str) -> "keras.Model":
    """Build the network of a case."""
    from tensorsmith.models import char_rnn, encoder_decoder, text_classifier, wavenet

    about = CASES[case]
    match case:
        case "wavenet":
            return wavenet("original", (about.length, 1), 10)
        case "attention":
            return encoder_decoder(about.tokens, about.tokens, EMBEDDING, about.units, "luong")
        case "masked_gru":
            return text_classifier(about.tokens, 1, EMBEDDING, "gru", CLASSIFIER_UNITS, dropout=0.0, steps=about.length)
        case _:
            return char_rnn(about.tokens, EMBEDDING, about.units)


def keras_network(case: str) -> "keras.Model":
    """Build the network of a case of Keras layers."""
    import keras
    from keras import layers

    about = CASES[case]
    if case == "wavenet":
        return _keras_wavenet(about.length)
    if case == "attention":
        return _keras_encoder_decoder(about.tokens, about.units)
    inputs = keras.Input((about.length if case == "masked_gru" else None,), dtype="int32")
    x = layers.Embedding(about.tokens, EMBEDDING, mask_zero=case == "masked_gru")(inputs)
    if case == "masked_gru":
        x = layers.Bidirectional(layers.GRU(about.units))(x)
        return keras.Model(inputs, layers.Dense(1, "sigmoid")(x))
    x = layers.GRU(about.units, return_sequences=True)(x)
    return keras.Model(inputs, layers.Dense(about.tokens)(x))


def _keras_encoder_decoder(tokens: int, units: int) -> "keras.Model":
    import keras
    from keras import layers

    source, target = (keras.Input((None,), dtype="int32", name=name) for name in ("source", "target"))
    encoder = layers.Bidirectional(layers.LSTM(units // 2, return_sequences=True, return_state=True))
    memory, *states = encoder(layers.Embedding(tokens, EMBEDDING, mask_zero=True)(source))
    states = [layers.Concatenate()(states[::2]), layers.Concatenate()(states[1::2])]
    x = layers.Embedding(tokens, EMBEDDING, mask_zero=True)(target)
    x = layers.LSTM(units, return_sequences=True)(x, initial_state=states)
    context = layers.Attention()([x, memory, layers.Dense(units, use_bias=False)(memory)])
    x = layers.Dense(units, "tanh", use_bias=False)(layers.Concatenate()([context, x]))
    return keras.Model({"source": source, "target": target}, layers.Dense(tokens)(x))


def _keras_wavenet(length: int) -> "keras.Model":
    import keras
    from keras import layers

    inputs = keras.Input((length, 1))
    x, skipped = layers.Conv1D(32, 2, padding="causal")(inputs), []
    for dilation in [2**power for power in range(10)] * 3:
        z = layers.Conv1D(64, 2, padding="causal", dilation_rate=dilation)(x)
        z = layers.Activation("tanh")(z[..., :32]) * layers.Activation("sigmoid")(z[..., 32:])
        skipped.append(layers.Conv1D(32, 1)(z))
        x = x + layers.Conv1D(32, 1)(z)
    x = layers.Activation("relu")(layers.Add()([*skipped, x]))
    x = layers.Conv1D(32, 1, activation="relu")(x)
    return keras.Model(inputs, layers.Conv1D(10, 1)(x))


def loss_of(case: str) -> Any:
    """Return the loss of a case."""
    import keras

    if case == "wavenet":
        return "mean_squared_error"
    if case == "masked_gru":
        return "binary_crossentropy"
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _providers(case: str) -> dict[str, bool]:
    """Return a dict that maps each implementation to `True` if it is installed."""
    torch = bool(importlib.util.find_spec("torch"))
    ours = {"tensorsmith": True, "keras": True}
    return ours | {"torch": torch, "torch_compile": torch} if case in TORCH_NETWORKS else ours


def _prepare(case: str, provider: str) -> Contender:
    """Return an implementation that is ready to be measured on a case."""
    data = arrays(case)
    if provider.startswith("torch"):
        import torch

        about = CASES[case]
        model, loss = TORCH_NETWORKS[case](about.tokens, EMBEDDING, about.units)
        optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=True)
        tensors = [torch.from_numpy(array) for array in data]
        return TorchEpochs(model, loss, tensors, BATCH, optimizer, compiled=provider == "torch_compile")
    load_tensorflow()
    import keras

    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    if provider == "keras":
        model = keras_network(case)
        model.compile(optimizer, loss_of(case))
        return KerasEpochs(model, shuffled_batches(data, len(data[1]), BATCH), len(data[1]))
    from tensorsmith.training import Trainer

    return TrainerEpochs(Trainer(network(case), optimizer, loss_of(case)), data, len(data[1]), batch_size=BATCH)


@cache
def _floor(case: str) -> float | None:
    """Return the number of sequences per second if only the recurrent products took time."""
    if not case.startswith("char_rnn"):
        return None
    load_tensorflow()
    import tensorflow as tf

    units = CASES[case].units
    states, kernel = tf.random.normal((BATCH, units)), tf.random.normal((units, 3 * units))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(100):
            tf.matmul(states, kernel)
        seconds.append((time.perf_counter() - start) / 100)
    return BATCH / (3 * CASES[case].length * min(seconds))


BENCHMARK = Benchmark(
    cases=CASES,
    providers=_providers,
    prepare=_prepare,
    unit=lambda case: "sequences/s",
    lower_is_better=False,
    targets=lambda case: CASES[case].targets,
    floor=_floor,
)
