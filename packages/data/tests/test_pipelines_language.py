"""Masked tokens and pairs of sentences: frequencies compared with the published ones, and invariants."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import binomtest, chisquare

from tensorsmith.data.pipelines import map_with_seed, mask_tokens, next_sentence_pairs
from tensorsmith.testing import raises_argument_error

MASK, SIZE, SPECIAL = 1, 60, 4


def masked(count=200_000, seed=(3, 5)):
    tokens = np.random.default_rng(0).integers(0, SIZE, count, "int32")
    found = mask_tokens(seed, tokens, mask=MASK, vocabulary_size=SIZE, special=SPECIAL)
    return tokens, *(each.numpy() for each in found)


def test_frequencies_of_masked_tokens():
    """15 % of the tokens are selected, of which 80 % become masks, 10 % random tokens, and 10 % stay."""
    tokens, inputs, targets = masked()
    selected, ordinary = targets >= 0, tokens >= SPECIAL
    assert not selected[~ordinary].any()
    assert binomtest(selected.sum(), ordinary.sum(), 0.15).pvalue > 1e-3
    counts = [(inputs[selected] == MASK).sum(), (inputs[selected] == tokens[selected]).sum()]
    counts.append(selected.sum() - sum(counts))
    same = 0.1 / (SIZE - SPECIAL)  # random tokens that equal the original ones
    assert chisquare(counts, selected.sum() * np.array([0.8, 0.1 + same, 0.1 - same])).pvalue > 1e-3
    random = inputs[selected & (inputs != MASK) & (inputs != tokens)]
    frequencies = np.bincount(random, minlength=SIZE)
    assert frequencies[:SPECIAL].sum() == 0
    assert chisquare(frequencies[SPECIAL:]).pvalue > 1e-3


def test_tokens_that_are_not_selected():
    tokens, inputs, targets = masked()
    np.testing.assert_array_equal(np.where(targets >= 0, targets, inputs), tokens)
    assert set(targets[targets < 0]) == {-1}


def test_masks_in_a_pipeline():
    """Each element and each epoch has other masks, and a seed repeats them."""
    rows = np.tile(np.arange(SPECIAL, SIZE, dtype="int32"), (4, 1))

    def epochs():
        mask = map_with_seed(lambda seed, row: mask_tokens(seed, row, mask=MASK, vocabulary_size=SIZE), seed=7)
        dataset = tf.data.Dataset.from_tensor_slices(rows).apply(mask)
        return [np.array([targets for _, targets in dataset.as_numpy_iterator()]) for _ in range(2)]

    first, second = epochs()
    assert len({row.tobytes() for row in np.concatenate([first, second])}) == 8
    np.testing.assert_array_equal(np.stack([first, second]), np.stack(epochs()))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"mask": -1}, "mask"),
        ({"vocabulary_size": 4}, "vocabulary_size"),
        ({"rate": 0.0}, "rate"),
        ({"rate": 1}, "rate"),
        ({"special": 1.5}, "special"),
        ({"tokens": [0.5]}, "tokens"),
    ],
)
def test_invalid_arguments_of_masks(change, name):
    with raises_argument_error(name):
        mask_tokens(**{"seed": (1, 2), "tokens": [5], "mask": MASK, "vocabulary_size": SIZE, **change})


def test_pairs_of_sentences():
    documents = [[(d, i) for i in range(count)] for d, count in enumerate(np.random.default_rng(0).integers(0, 9, 800))]
    pairs = next_sentence_pairs(documents, seed=1)
    expected = [(d, i) for d, document in enumerate(documents) for i in range(len(document) - 1)]
    assert pairs.first == expected
    for (document, index), second, follows in zip(*pairs, strict=True):
        assert second == (document, index + 1) if follows else second[0] != document
    assert binomtest(int(pairs.follows.sum()), len(expected), 0.5).pvalue > 1e-3
    # All sentences of other documents have the same probability, also in the documents after the own one.
    others = np.array([document for document, _ in np.array(pairs.second, "O")[pairs.follows == 0]], int)
    halves = [sum(map(len, documents[:400])), sum(map(len, documents[400:]))]
    assert binomtest(int((others < 400).sum()), len(others), halves[0] / sum(halves)).pvalue > 1e-3
    assert next_sentence_pairs(documents, seed=1).second == pairs.second
    assert next_sentence_pairs(documents, seed=2).second != pairs.second


@pytest.mark.parametrize("documents", [[], [["a", "b"]], [["a", "b"], []]])
def test_too_few_documents(documents):
    with raises_argument_error("documents", expected="at least two with sentences"):
        next_sentence_pairs(documents)
