"""Benchmark `tensorsmith bench decode`: time of beam searches and greedy decoding with recurrent models and GPTs.

A measurement of `beam` and `greedy` is the time to generate 50 tokens for each of 64 sequences with an LSTM of 256
units and a vocabulary of 10,000 tokens, of which the end token is improbable. The beam search has 10 beams. The
implementations are `beam_search` and `decode` with `recurrent_step`, the decoders of TensorFlow Addons in one
`tf.function`, and the same search in PyTorch.

A measurement of `gpt_1` and `gpt_32` is the time per token when a GPT with 4 blocks of width 288 generates 240 tokens
after a prompt of 16 tokens, for 1 and 32 sequences. That of `gpt_first_1` and `gpt_first_32` is the time to the first
token after a prompt of 240 tokens. The implementations are `gpt_step`; `window_step`, which reads all 256 tokens again
at each step (`uncached`); and PyTorch with stored keys and values.

The limit is the time that TensorFlow takes for the matrix products.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark, Contender
from tensorsmith.benchmarks.calls import Calls
from tensorsmith.benchmarks.gpt_decoders import GPTCase, gpt_contender, gpt_decoder, products_of_a_token
from tensorsmith.benchmarks.peers import PeerCase, Work, benchmark_of
from tensorsmith.benchmarks.torch_decode import torch_decoder
from tensorsmith.core import load_tensorflow
from tensorsmith.core.types import Tensor

VOCABULARY, EMBEDDING, UNITS = 10_000, 256, 256
START, END = 0, 1


@dataclass(frozen=True)
class DecodeCase:
    """Benchmark case.

    Attributes:
        beams: Number of beams; 1 for greedy decoding.
        batch: Number of sequences.
        steps: Number of tokens of a sequence.
    """

    beams: int
    batch: int = 64
    steps: int = 50


CASES = {"beam": DecodeCase(beams=10), "greedy": DecodeCase(beams=1)}
GPT_CASES = {
    "gpt_1": GPTCase(1),
    "gpt_32": GPTCase(32),
    "gpt_first_1": GPTCase(1, prompt=240, steps=1),
    "gpt_first_32": GPTCase(32, prompt=240, steps=1),
}
TARGETS = {
    "beam": {"addons": 3.0, "torch": 1.5},
    "greedy": {"addons": 1.0, "torch": 1.0},
    **{
        name: {"torch": 1.0} if case.steps == 1 else {"uncached": 5.0, "torch": 1.5} for name, case in GPT_CASES.items()
    },
}


@dataclass(frozen=True)
class Weights:
    """Weights of the model in the layout of Keras. The gates of the LSTM are in the order i, f, c, o."""

    embedding: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    output_kernel: np.ndarray
    output_bias: np.ndarray


@cache
def weights() -> Weights:
    """Return random weights, with which the end token has the lowest probability."""
    rng = np.random.default_rng(0)

    def drawn(scale: float, *shape: int) -> np.ndarray:
        return (scale * rng.normal(size=shape)).astype("float32")

    return Weights(
        drawn(1.0, VOCABULARY, EMBEDDING),
        drawn(0.1, EMBEDDING, 4 * UNITS),
        drawn(0.1, UNITS, 4 * UNITS),
        drawn(0.1, 4 * UNITS),
        drawn(0.3, UNITS, VOCABULARY),
        np.where(np.arange(VOCABULARY) == END, -1e4, 0).astype("float32"),
    )


def tensorsmith_decoder(case: DecodeCase) -> Callable[[], np.ndarray]:
    """Return a function that generates tokens with `beam_search` or `decode`."""
    import keras
    import tensorflow as tf

    from tensorsmith.layers import LSTM
    from tensorsmith.seq2seq import beam_search, decode, recurrent_step

    layers = keras.layers.Embedding(VOCABULARY, EMBEDDING), LSTM(UNITS, return_sequences=True)
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *layers, keras.layers.Dense(VOCABULARY)])
    model.set_weights(list(vars(weights()).values()))
    step, initial_state = recurrent_step(model)
    prompt = tf.fill([case.batch, 1], START)

    @tf.function
    def run() -> Tensor:
        if case.beams == 1:
            return decode(step, initial_state(case.batch), prompt, case.steps, end=END).tokens
        return beam_search(step, initial_state(case.batch), prompt, case.steps, case.beams, END).tokens

    return lambda: run().numpy()


def addons_decoder(case: DecodeCase) -> Callable[[], np.ndarray]:
    """Return a function that generates tokens with the decoders of TensorFlow Addons, in Keras 2."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    cell, output = tf.keras.layers.LSTMCell(UNITS), tf.keras.layers.Dense(VOCABULARY)
    cell.build((None, EMBEDDING))
    output.build((None, UNITS))
    cell.set_weights([weights().kernel, weights().recurrent_kernel, weights().bias])
    output.set_weights([weights().output_kernel, weights().output_bias])
    embedding, start = tf.constant(weights().embedding), tf.fill([case.batch], START)
    state = [tf.zeros((case.batch * case.beams, UNITS))] * 2
    arguments = {"output_layer": output, "maximum_iterations": case.steps}
    if case.beams == 1:
        decoder = tfa.seq2seq.BasicDecoder(cell, tfa.seq2seq.GreedyEmbeddingSampler(), **arguments)
    else:
        decoder = tfa.seq2seq.BeamSearchDecoder(cell, case.beams, **arguments)

    @tf.function
    def run() -> Tensor:
        outputs, *_ = decoder(embedding, start_tokens=start, end_token=END, initial_state=state)
        return outputs.sample_id if case.beams == 1 else tf.transpose(outputs.predicted_ids, [0, 2, 1])

    return lambda: run().numpy()


def decoder(case: DecodeCase, provider: str) -> Work:
    """Return the function of an implementation that generates the tokens of a case."""
    if provider == "torch":
        return torch_decoder(case, weights(), END)
    return addons_decoder(case) if provider == "addons" else tensorsmith_decoder(case)


@cache
def _floor(name: str) -> float:
    """Return the time in milliseconds of the matrix products of all steps, of which the first has one beam."""
    if name in GPT_CASES:
        return products_of_a_token(GPT_CASES[name])
    load_tensorflow()
    import tensorflow as tf

    case, measured = CASES[name], []
    kernel = tf.constant(np.concatenate([weights().kernel, weights().recurrent_kernel]))
    output = tf.constant(weights().output_kernel)

    @tf.function
    def products(inputs: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        return inputs @ kernel, states @ output

    for rows, steps in ((case.batch, 1), (case.batch * case.beams, case.steps - 1)):
        arguments = tf.ones([rows, EMBEDDING + UNITS]), tf.ones([rows, UNITS])
        calls = Calls(partial(products, *arguments))
        calls.first()
        measured.append(steps * min(calls.turn() for _ in range(5)))
    return sum(measured)


def _prepare(name: str, provider: str) -> Contender:
    """Return an implementation that is ready to be measured."""
    return gpt_contender(GPT_CASES[name], provider) if name in GPT_CASES else _LSTMS.prepare(name, provider)


_LSTMS = benchmark_of({name: PeerCase(partial(decoder, case), TARGETS[name]) for name, case in CASES.items()})
_GPTS = benchmark_of({name: PeerCase(partial(gpt_decoder, case), TARGETS[name]) for name, case in GPT_CASES.items()})
BENCHMARK = Benchmark(
    cases=[*CASES, *GPT_CASES],
    providers=lambda name: (_GPTS if name in GPT_CASES else _LSTMS).providers(name),
    prepare=_prepare,
    unit=lambda name: "ms/token" if name in ("gpt_1", "gpt_32") else "ms",
    lower_is_better=True,
    targets=TARGETS.__getitem__,
    floor=_floor,
)
