"""Sampling compared with the softmax, and functions that change logits compared with loops."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tensorsmith.seq2seq import (
    allowed_tokens,
    decode,
    greedy,
    repetition_penalty,
    stream,
    temperature_sampling,
    top_k_sampling,
    top_p_sampling,
)
from tensorsmith.testing import raises_argument_error

ROWS = 20_000
LOGITS = np.random.default_rng(0).normal(0, 1.5, 40).astype("float32")


def softmax(logits, temperature=1.0):
    powers = np.exp(logits.astype("float64") / temperature)
    return powers / powers.sum()


def among(probabilities, chosen):
    """Returns probabilities of the chosen tokens only."""
    kept = np.where(chosen, probabilities, 0)
    return kept / kept.sum()


def ranks():
    return np.argsort(np.argsort(-LOGITS))


def nucleus(probabilities, p):
    """Returns a mask of the fewest tokens whose probabilities have a sum of at least p, found by a loop."""
    chosen, total = np.zeros(len(probabilities), bool), 0.0
    for token in np.argsort(-probabilities):
        if total >= p:
            break
        chosen[token], total = True, total + probabilities[token]
    return chosen


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (temperature_sampling(0.7, seed=1), softmax(LOGITS, 0.7)),
        (temperature_sampling(2.0, seed=2), softmax(LOGITS, 2.0)),
        (top_k_sampling(5, seed=3), among(softmax(LOGITS), ranks() < 5)),
        (top_k_sampling(12, 1.7, seed=4), among(softmax(LOGITS, 1.7), ranks() < 12)),
        (top_k_sampling(99, seed=5), softmax(LOGITS)),
        (top_p_sampling(0.6, seed=6), among(softmax(LOGITS), nucleus(softmax(LOGITS), 0.6))),
        (top_p_sampling(0.9, 0.5, seed=7), among(softmax(LOGITS, 0.5), nucleus(softmax(LOGITS, 0.5), 0.9))),
        (top_p_sampling(1.0, seed=8), softmax(LOGITS)),
    ],
)
def test_frequencies_agree_with_the_softmax(choose, expected):
    """A chi-squared test of tokens that are expected 5 times or more; the others are one category."""
    counts = sum(np.bincount(choose(np.tile(LOGITS, (ROWS, 1)), step).numpy(), minlength=40) for step in range(3))
    assert not counts[expected == 0].any()
    frequent = 3 * ROWS * expected >= 5
    observed, wanted = counts[frequent], 3 * ROWS * expected[frequent]
    if not frequent[expected > 0].all():
        observed, wanted = (
            np.append(observed, counts[~frequent].sum()),
            np.append(wanted, 3 * ROWS * expected[~frequent].sum()),
        )
    assert stats.chisquare(observed, wanted, sum_check=False).pvalue > 1e-3


@pytest.mark.parametrize(
    "sampling", [temperature_sampling, lambda **k: top_k_sampling(20, **k), lambda **k: top_p_sampling(0.99, **k)]
)
def test_choice_depends_on_seed_position_and_logits_only(sampling):
    logits = tf.zeros((50, 30), tf.float16)
    draws = {key: tuple(sampling(seed=key[0])(logits, key[1]).numpy()) for key in itertools.product((1, 2), (0, 1))}
    assert len(set(draws.values())) == 4
    in_graph = tf.function(sampling(seed=2))(logits, tf.constant(1))
    assert tuple(in_graph.numpy()) == draws[2, 1]
    assert in_graph.dtype == tf.int32


def test_limits_are_greedy():
    logits = np.random.default_rng(1).normal(size=(30, 50))
    for choose in (top_k_sampling(1), top_p_sampling(1e-9), top_p_sampling(0.5, temperature=1e-4)):
        np.testing.assert_array_equal(choose(logits, 3), greedy(logits, 3))


def test_masked_tokens_are_not_sampled():
    logits = tf.where(tf.range(9) < 2, tf.random.stateless_normal([500, 9], (0, 1)), -np.inf)
    for choose in (temperature_sampling(), top_k_sampling(5), top_p_sampling(1.0), top_p_sampling(0.95)):
        assert set(choose(logits, 0).numpy()) == {0, 1}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_repetition_penalty(dtype):
    rng = np.random.default_rng(2)
    logits, prefix = tf.cast(rng.normal(size=(4, 12)), dtype), rng.integers(0, 12, (4, 6)).astype("int32")
    expected = logits.numpy().astype("float64")
    for row, tokens in enumerate(prefix):
        for token in set(tokens):
            expected[row, token] *= 1 / 1.3 if expected[row, token] > 0 else 1.3
    found = repetition_penalty(1.3)(logits, prefix)
    assert found.dtype == dtype
    np.testing.assert_allclose(tf.cast(found, "float64"), expected, rtol=1e-2 if dtype == "bfloat16" else 1e-6)
    masked = repetition_penalty(2.0)([[-np.inf, 1.0]], [[0, 1]])
    np.testing.assert_array_equal(masked, [[-np.inf, 0.5]])


def cycle(tokens, state):
    """The next number modulo 6 is the most probable one, and the one after it the second."""
    return 3 * tf.one_hot((tokens + 1) % 6, 6) + 2 * tf.one_hot((tokens + 2) % 6, 6), state


def new(prefix):
    """Allow tokens that are not in the prefix."""
    return ~tf.reduce_any(tf.one_hot(prefix, 6, True, False, dtype=tf.bool), axis=1)


@pytest.mark.parametrize("graph", [False, True])
def test_adjusted_decoding(graph):
    """The functions read the prompt and all tokens since, in the order in which they are given."""
    prompt, traces = [[4, 0], [2, 3]], []

    def run(length, *adjust):
        def decoded(prompt):
            traces.append(length)
            return decode(cycle, (), prompt, length, adjust=adjust).tokens

        signature = [tf.TensorSpec([None, None], tf.int32)]
        return (tf.function(decoded, input_signature=signature) if graph else decoded)(tf.constant(prompt)).numpy()

    np.testing.assert_array_equal(run(4, allowed_tokens(new)), [[1, 2, 3, 5], [4, 5, 0, 1]])
    np.testing.assert_array_equal(run(4, repetition_penalty(2.0)), [[1, 2, 3, 5], [4, 5, 0, 1]])
    last = lambda logits, prefix: logits + 9 * tf.one_hot(prefix[:, -1], 6)  # noqa: E731
    np.testing.assert_array_equal(run(3, allowed_tokens(new), last), [[1, 2, 3], [4, 5, 0]])
    np.testing.assert_array_equal(run(3, last), [[0, 0, 0], [3, 3, 3]])
    with pytest.raises(
        tf.errors.InvalidArgumentError if graph else ValueError,
        match=r"logits must contain an allowed token for each sequence, got -inf for all tokens of the sequences.*0.*1",
    ):
        run(5, allowed_tokens(new))


def test_adjusted_stream_equals_decode():
    """The functions are traced once, although the prefix grows."""
    traces = []

    def counted(logits, prefix):
        traces.append(prefix.shape)
        return logits

    adjust = (repetition_penalty(1.4), counted)
    choose = temperature_sampling(seed=3)
    expected = decode(cycle, (), [[1], [2]], 12, choose, adjust=adjust).tokens.numpy().T
    traces.clear()
    streamed = list(itertools.islice(stream(cycle, (), [[1], [2]], choose, adjust), 12))
    np.testing.assert_array_equal(streamed, expected)
    assert [shape.as_list() for shape in traces] == [[2, None]]


def spoiled(tokens, state):
    """Step whose logits are NaN after the token 3."""
    return cycle(tokens, state)[0] + tf.where(tokens == 3, np.nan, 0.0)[:, tf.newaxis], state


@pytest.mark.parametrize("choose", [greedy, temperature_sampling(), top_k_sampling(2), top_p_sampling(0.9)])
def test_invalid_logits(choose):
    with raises_argument_error("logits", received="the sequences [1]", expected="not contain NaN or infinity"):
        decode(spoiled, (), [[4], [3]], 2, choose)
    with pytest.raises(tf.errors.InvalidArgumentError, match="logits must not contain NaN or infinity"):
        tf.function(lambda: decode(spoiled, (), [[4], [3]], 2, choose))()
    with raises_argument_error("logits", received="the sequences [1]", expected="not contain NaN or infinity"):
        list(itertools.islice(stream(spoiled, (), [[4], [2]], choose), 9))


def test_logits_after_the_end_are_ignored():
    found = decode(spoiled, (), [[2], [4]], 3, end=3)
    np.testing.assert_array_equal(found.tokens, [[3, 3, 3], [5, 0, 1]])


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: top_k_sampling(0), "k", "a positive integer"),
        (lambda: top_k_sampling(2.5), "k", "a positive integer"),
        (lambda: top_k_sampling(2, temperature=0), "temperature", "a positive number"),
        (lambda: top_p_sampling(0.0), "p", "a number in (0, 1]"),
        (lambda: top_p_sampling(1.1), "p", "a number in (0, 1]"),
        (lambda: top_p_sampling(0.5, seed="1"), "seed", "an integer"),
        (lambda: repetition_penalty(0), "penalty", "a positive number"),
        (lambda: allowed_tokens([1, 2]), "function", "a function of prefixes"),
        (lambda: decode(cycle, (), [[1]], 3, adjust=greedy), "adjust", "a sequence of functions"),
        (lambda: decode(cycle, tf.zeros([2, 3]), [[1]], 3), "state", "have the batch size of the prompts"),
        (lambda: stream(cycle, tf.zeros([2, 3]), [[1]]), "state", "have the batch size of the prompts"),
        (lambda: stream(cycle, (), [[1]], adjust=[1]), "adjust", "a sequence of functions"),
        (lambda: decode(lambda tokens, state: (tokens, state), (), [[1]], 3), "step", "logits of shape"),
    ],
)
def test_invalid_arguments(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()
