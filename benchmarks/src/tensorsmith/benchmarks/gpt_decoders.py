"""GPTs that `tensorsmith bench decode` measures: ours with and without stored keys and values, and PyTorch's."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tensorsmith.benchmarks.calls import Calls
from tensorsmith.core import load_tensorflow

VOCABULARY, CONTEXT, BLOCKS, HEADS, SIZE = 2_000, 256, 4, 12, 24
FEATURES = HEADS * SIZE
UNCACHED_STEPS = 8  # each of which takes the same time


@dataclass(frozen=True)
class GPTCase:
    """Benchmark case.

    Attributes:
        batch: Number of sequences.
        prompt: Number of tokens of a prompt.
        steps: Number of tokens to generate after each prompt. The measurement is the time for one of them.
    """

    batch: int
    prompt: int = 16
    steps: int = CONTEXT - 16


class TimePerToken(Calls):
    """Implementation that is measured by the median duration of a call, divided by the number of tokens."""

    def __init__(self, work: Callable[[], Any], tokens: int) -> None:
        super().__init__(work)
        self._tokens = tokens

    def turn(self) -> float:
        """Return the median time for a token in milliseconds."""
        return super().turn() / self._tokens


@cache
def weights() -> list[np.ndarray]:
    """Return random weights in the order of a model of `gpt`."""
    rng = np.random.default_rng(0)
    heads, normalization = (HEADS, SIZE), [np.ones(FEATURES, "float32"), np.zeros(FEATURES, "float32")]

    def dense(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> list[np.ndarray]:
        scale = math.prod(inputs) ** -0.5
        return [(scale * rng.normal(size=size)).astype("float32") for size in ((*inputs, *outputs), outputs)]

    block_inputs = [(FEATURES,)] * 3
    found = [(0.1 * rng.normal(size=(VOCABULARY, FEATURES))).astype("float32")]
    found.append(rng.normal(size=(CONTEXT, FEATURES)).astype("float32"))
    for _ in range(BLOCKS):
        found += normalization + [array for inputs in block_inputs for array in dense(inputs, heads)]
        found += dense(heads, (FEATURES,)) + normalization
        found += dense((FEATURES,), (4 * FEATURES,)) + dense((4 * FEATURES,), (FEATURES,))
    return found + normalization


def prompt_tokens(case: GPTCase) -> np.ndarray:
    """Return the prompts of a case."""
    return np.random.default_rng(1).integers(0, VOCABULARY, (case.batch, case.prompt), "int32")


def gpt_decoder(case: GPTCase, provider: str) -> Callable[[], np.ndarray]:
    """Return a function that generates the tokens of a case greedily."""
    return _torch_decoder(case) if provider == "torch" else _tensorsmith_decoder(case, provider == "uncached")


def gpt_contender(case: GPTCase, provider: str) -> TimePerToken:
    """Return an implementation that is ready to be measured."""
    if provider != "torch":
        load_tensorflow()
    steps = min(case.steps, UNCACHED_STEPS) if provider == "uncached" else case.steps
    return TimePerToken(gpt_decoder(GPTCase(case.batch, case.prompt, steps), provider), steps)


def products_of_a_token(case: GPTCase) -> float:
    """Return the time in milliseconds of the matrix products for one token, or for the prompts if only one follows."""
    load_tensorflow()
    import tensorflow as tf

    matrices = [array for array in weights()[2:] if array.size >= FEATURES**2]
    kernels = [weights()[0].T, *(array.reshape(FEATURES, -1) if array.ndim == 3 else array for array in matrices)]
    rows = case.batch * (case.prompt if case.steps == 1 else 1)

    @tf.function
    def products(inputs: list[Any]) -> list[Any]:
        return [one @ kernel for one, kernel in zip(inputs, constants, strict=True)]

    constants = [tf.constant(kernel) for kernel in kernels]
    inputs = [tf.ones([rows, kernel.shape[0]]) for kernel in kernels]
    inputs[0] = tf.ones([case.batch, FEATURES])  # only the last token of a prompt has logits
    calls = Calls(lambda: products(inputs))
    calls.first()
    return min(calls.turn() for _ in range(5))


def _tensorsmith_decoder(case: GPTCase, uncached: bool) -> Callable[[], np.ndarray]:
    """Return a function that generates tokens with `gpt_step`, or with `window_step`, which reads all tokens again."""
    import keras
    import tensorflow as tf

    from tensorsmith.models import gpt, gpt_step
    from tensorsmith.seq2seq import decode, window_step

    model = gpt("small", VOCABULARY, CONTEXT, width=FEATURES / 768, blocks=BLOCKS)
    model.set_weights(weights())
    if uncached:
        inputs = keras.Input((CONTEXT,), dtype="int32")
        step, initial_state = window_step(keras.Model(inputs, model(inputs)))
    else:
        step, initial_state = gpt_step(model)

    @tf.function
    def run(prompt: Any) -> Any:
        return decode(step, initial_state(case.batch), prompt, case.steps).tokens

    prompt = tf.constant(prompt_tokens(case))
    return lambda: run(prompt).numpy()


def _torch_decoder(case: GPTCase) -> Callable[[], np.ndarray]:
    """Return a function that generates tokens in PyTorch with stored keys and values."""
    import torch
    from torch.nn import functional

    embedding, positions, *rest = (torch.from_numpy(array) for array in weights())
    blocks: list[Any] = []
    for _ in range(BLOCKS):
        block, rest = rest[:16], rest[16:]
        matrices = [array.reshape(FEATURES, -1) for array in (*block[2:8:2], block[8])]
        blocks.append(
            {
                "first": block[:2],
                # One product for queries, keys and values. A matrix of `linear` has the shape (outputs, inputs).
                "attention": (
                    torch.cat(matrices[:3], 1).T.contiguous(),
                    torch.cat([b.flatten() for b in block[3:8:2]]),
                ),
                "attended": (matrices[3].T.contiguous(), block[9]),
                "second": block[10:12],
                "hidden": (block[12].T.contiguous(), block[13]),
                "output": (block[14].T.contiguous(), block[15]),
            }
        )
    linear = functional.linear

    def normalized(x: Any, scale: Any, shift: Any) -> Any:
        return functional.layer_norm(x, (FEATURES,), scale, shift, 1e-5)

    def read(tokens: Any, begin: int, caches: list[Any]) -> Any:
        end = begin + tokens.shape[1]
        x = embedding[tokens] + positions[begin:end]
        for block, stored in zip(blocks, caches, strict=True):
            states = linear(normalized(x, *block["first"]), *block["attention"])
            states = states.view(case.batch, -1, 3, HEADS, SIZE).permute(2, 0, 3, 1, 4)
            stored[:, :, :, begin:end] = states[1:]
            key, value = stored[:, :, :, :end]
            y = functional.scaled_dot_product_attention(states[0], key, value, is_causal=begin == 0)
            x = x + linear(y.transpose(1, 2).flatten(2), *block["attended"])
            hidden = functional.gelu(linear(normalized(x, *block["second"]), *block["hidden"]), approximate="tanh")
            x = x + linear(hidden, *block["output"])
        return normalized(x[:, -1], *rest) @ embedding.T

    @torch.inference_mode()
    def run() -> np.ndarray:
        caches = [torch.empty(2, case.batch, HEADS, CONTEXT, SIZE) for _ in range(BLOCKS)]
        tokens, found = torch.from_numpy(prompt_tokens(case)).long(), []
        begin = 0
        for _ in range(case.steps):
            logits = read(tokens, begin, caches)
            begin += tokens.shape[1]
            tokens = logits.argmax(-1, keepdim=True)
            found.append(tokens)
        return torch.cat(found, 1).numpy()

    return run
