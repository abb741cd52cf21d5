"""Top tokens compared with a sort of the log-probabilities in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.seq2seq import greedy
from tensorsmith.seq2seq._support.groups import LEAST, group_size
from tensorsmith.seq2seq._support.problems import problems_of
from tensorsmith.seq2seq._support.top_tokens import top_tokens

COUNT = 4
GROUPED = LEAST  # from this size of the vocabulary on, tokens are compared in groups


def expected(logits):
    """Returns the log-probabilities and the indices of the top tokens; among equal logits, the first."""
    x = logits.astype("float64")
    order = np.argsort(-x, axis=-1, kind="stable")[:, :COUNT]
    with np.errstate(divide="ignore"):
        logs = x - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)) - x.max(-1, keepdims=True)
    return np.take_along_axis(logs, order, axis=-1), order


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("vocabulary", [1, 3, 50, GROUPED - 1, GROUPED, GROUPED + 9, 10_000])
@pytest.mark.parametrize("kind", ["normal", "ties", "few", "large"])
def test_top_tokens(kind, vocabulary, dtype):
    rng = np.random.default_rng(vocabulary)
    logits = {
        "normal": lambda: rng.normal(size=(9, vocabulary)),
        # The last group has the largest logit, but the first of the second largest logits are in the first group.
        "ties": lambda: np.where(np.arange(vocabulary) == vocabulary - 1, 3, rng.integers(0, 3, (9, vocabulary))),
        "few": lambda: np.where(np.arange(vocabulary) < 2, rng.normal(size=(9, vocabulary)), -np.inf),
        "large": lambda: 80 * rng.normal(size=(9, vocabulary)),
    }[kind]()
    tensor = tf.cast(logits, dtype)
    found = top_tokens(tensor, COUNT)
    logs, order = expected(tf.cast(tensor, "float64").numpy())
    np.testing.assert_allclose(found.log_probabilities, logs, rtol=1e-5, atol=1e-5)
    possible = np.isfinite(logs)  # other tokens are arbitrary, but in the vocabulary
    np.testing.assert_array_equal(found.tokens.numpy()[possible], order[possible])
    assert found.tokens.numpy().max() < vocabulary
    np.testing.assert_array_equal(found.largest, tf.reduce_max(tf.cast(tensor, found.largest.dtype), -1))
    np.testing.assert_array_equal(greedy(tensor, 0), order[:, 0])
    assert not problems_of(tensor).numpy().any()
    assert found.log_probabilities.dtype == found.largest.dtype == ("float64" if dtype == "float64" else "float32")


@pytest.mark.parametrize("vocabulary", [6, GROUPED])
def test_rows_without_numbers(vocabulary):
    logits = np.zeros((4, vocabulary), "float32")
    logits[0], logits[1, 5], logits[2, 0] = -np.inf, np.nan, np.inf
    found = top_tokens(tf.constant(logits), COUNT)
    np.testing.assert_array_equal(found.largest, [-np.inf, np.nan, np.inf, 0])
    np.testing.assert_array_equal(problems_of(tf.constant(logits)), [2, 1, 1, 0])
    assert np.isneginf(found.log_probabilities[0]).all()
    np.testing.assert_allclose(found.log_probabilities[3], np.full(COUNT, -np.log(vocabulary)), rtol=1e-5)


def test_sizes_of_groups():
    sizes = {vocabulary: group_size(vocabulary) for vocabulary in (None, 40, 999, 1000, 1009, 10_000, 32_000)}
    assert sizes == {None: 0, 40: 0, 999: 0, 1000: 40, 1009: 0, 10_000: 40, 32_000: 40}


def test_unknown_sizes():
    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def run(logits):
        return top_tokens(logits, COUNT)

    for rows, vocabulary in ((0, 3), (2, 3), (2, 2000)):
        logits = np.random.default_rng(0).normal(size=(rows, vocabulary)).astype("float32")
        np.testing.assert_array_equal(run(logits).tokens, expected(logits)[1] if rows else np.zeros((0, 3)))
    assert top_tokens(tf.zeros([0, GROUPED]), COUNT).tokens.shape == (0, COUNT)
