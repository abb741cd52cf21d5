"""Tests of BLEU against sacrebleu, of perplexity against SciPy's softmax, and of bits per character against Keras."""

import keras
import numpy as np
import pytest
import sacrebleu
import tensorflow as tf
from scipy.special import log_softmax, softmax

from tensorsmith.core.keras_internals import set_keras_mask
from tensorsmith.metrics import BLEU, BitsPerCharacter, Perplexity
from tensorsmith.testing import raises_argument_error


def sentences(rng, count, longest):
    """Return sentences with a small vocabulary, in which many words are repeated."""
    return [" ".join(rng.choice(list("abc"), rng.integers(1, longest + 1))) for _ in range(count)]


def by_sacrebleu(references, found, order):
    """Return the score of sacrebleu, which expects one list of references per position."""
    metric = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=order, force=True)
    return metric.corpus_score(found, [list(each) for each in zip(*references, strict=True)]).score / 100


def numbers(texts):
    """Return the sentences as rows of word indices padded with 0."""
    rows = np.zeros((len(texts), 15), "int32")
    for row, text in zip(rows, texts, strict=True):
        row[: len(text.split())] = [ord(word) - ord("a") + 1 for word in text.split()]
    return rows


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("longest", [6, 14])  # reference length: translations are longer or shorter
def test_bleu_matches_sacrebleu(order, longest):
    rng = np.random.default_rng(order)
    found, references = sentences(rng, 30, 10), np.reshape(sentences(rng, 90, longest), (30, 3))
    references[:10, 2] = ""  # some sentences have only two references
    there = [[text or None for text in each] for each in references.tolist()]
    expected = by_sacrebleu(there, found, order)
    assert 0 < expected < 1
    texts, rows = BLEU(order), BLEU(order)
    for start in (0, 10, 20):
        part = slice(start, start + 10)
        texts.update_state(references[part].tolist(), found[part])
        rows.update_state(np.stack([numbers(each) for each in references[part]]), numbers(found[part]))
    np.testing.assert_allclose(texts.result(), expected, rtol=1e-6)
    np.testing.assert_allclose(rows.result(), expected, rtol=1e-6)


def test_bleu_example_of_paper():
    """The modified unigram precision of example 2 in the paper is 2/7: a reference contains "the" at most twice."""
    metric = BLEU(max_order=1)
    found = ["the the the the the the the"]
    metric.update_state([["the cat is on the mat", "there is a cat on the mat"]], found)
    np.testing.assert_allclose(metric.result(), 2 / 7, rtol=1e-6)


def test_bleu_with_single_reference_and_weights():
    rng = np.random.default_rng(3)
    found, references = sentences(rng, 20, 10), sentences(rng, 20, 10)
    weights = rng.integers(0, 3, 20)
    metric = BLEU(2)
    metric.update_state(references, found, sample_weight=weights)
    repeated = [
        (one, other) for one, other, times in zip(references, found, weights, strict=True) for _ in range(times)
    ]
    expected = by_sacrebleu([[one] for one, _ in repeated], [other for _, other in repeated], 2)
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)


def test_bleu_of_empty_and_disjoint_sentences():
    metric = BLEU()
    assert metric.result() == 0
    metric.update_state(["a b c d e"], [""])
    assert metric.result() == 0
    metric.update_state(["a b c d e"], ["e d c b a"])
    assert metric.result() == 0
    metric.reset_state()
    metric.update_state(["a b c d e"], ["a b c d e"])
    assert metric.result() == 1


def test_bleu_invalid_shapes():
    for references, found in (([[["a b"]]], ["a b"]), (["a b"], ["a b", "a b"]), (["a b"] * 3, ["a b"])):
        with pytest.raises(ValueError, match=r"have shape \(batch, references, words\)"):
            BLEU().update_state(references, found)


def likelihood(rng, samples=1000, steps=7, classes=5):
    return rng.integers(0, classes, (samples, steps)), rng.normal(size=(samples, steps, classes))


@pytest.mark.parametrize("batches", [1, 10])
@pytest.mark.parametrize("from_logits", [True, False])
def test_perplexity(from_logits, batches):
    rng = np.random.default_rng(4)
    labels, logits = likelihood(rng)
    weights = rng.uniform(0, 2, labels.shape)
    metric = Perplexity(from_logits, mask_token_id=1)
    y_pred = logits if from_logits else softmax(logits, axis=-1)
    for batch in zip(*(np.split(each, batches) for each in (labels, y_pred, weights)), strict=True):
        metric.update_state(*batch)
    counts = weights * (labels != 1)
    picked = np.take_along_axis(log_softmax(logits, axis=-1), labels[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(metric.result(), np.exp(-np.average(picked, weights=counts)), rtol=1e-6)


def test_perplexity_of_uniform_predictions():
    metric = Perplexity()
    assert metric.result() == 0
    metric.update_state([[0, 49]], tf.fill((1, 2, 50), tf.constant(1 / 64, "bfloat16")) * 64 / 50)
    np.testing.assert_allclose(metric.result(), 50, rtol=1e-2)
    metric = Perplexity(from_logits=True)
    metric.update_state([[[0], [49]]], np.zeros((1, 2, 50)))
    np.testing.assert_allclose(metric.result(), 50, rtol=1e-6)


def test_perplexity_with_masks_and_sequence_weights():
    rng = np.random.default_rng(5)
    labels, logits = likelihood(rng, 4)
    mask, weights = rng.random(labels.shape) < 0.5, rng.uniform(0, 2, 4)
    masked = tf.constant(logits)
    set_keras_mask(masked, tf.constant(mask))
    metric, other = Perplexity(True), Perplexity(True)
    metric.update_state(np.where(mask, labels, -1), masked, weights)  # masked labels may be invalid
    other.update_state(labels, logits, mask * weights[:, None])
    np.testing.assert_allclose(metric.result(), other.result(), rtol=1e-6)


@pytest.mark.parametrize("shape", [(7,), (1, 7), (4, 1), (4, 7, 2)])
def test_perplexity_invalid_shapes(shape):
    with raises_argument_error("y_true", expected="have shape (4, 7) to match the predictions without"):
        Perplexity().update_state(np.zeros(shape), np.full((4, 7, 5), 0.2))


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("number", [-1, 5])
def test_perplexity_labels_out_of_range(number, from_logits):
    metric = Perplexity(from_logits)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"labels must contain class indices from 0 to 4",
    ):
        metric.update_state([number], np.full((1, 5), 0.2))
    metric.update_state([0, number], np.full((2, 5), 0.2), [1.0, 0.0])
    np.testing.assert_allclose(metric.result(), 5, rtol=1e-6)


@pytest.mark.parametrize("logits", [[-3.0, 5.0], [5.0, -3.0]])
def test_perplexity_rejects_logits(logits):
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"y_pred must contain probabilities in \[0, 1\]",
    ):
        Perplexity().update_state([1], [logits])
    metric = Perplexity(mask_token_id=1)
    metric.update_state([1, 0], [logits, [0.5, 0.5]])
    np.testing.assert_allclose(metric.result(), 2, rtol=1e-6)


@pytest.mark.parametrize("from_logits", [True, False])
def test_bits_per_character(from_logits):
    rng = np.random.default_rng(6)
    labels, logits = likelihood(rng)
    y_pred, weights = logits if from_logits else softmax(logits, axis=-1), rng.uniform(0, 2, labels.shape)
    metric, other = BitsPerCharacter(from_logits), keras.metrics.SparseCategoricalCrossentropy(from_logits=from_logits)
    for batch in zip(*(np.split(each, 10) for each in (labels, y_pred, weights)), strict=True):
        metric.update_state(*batch)
        other.update_state(*batch)
    np.testing.assert_allclose(metric.result(), other.result() / np.log(2), rtol=1e-6)
    perplexity = Perplexity(from_logits)
    perplexity.update_state(labels, y_pred, weights)
    np.testing.assert_allclose(metric.result(), np.log2(perplexity.result()), rtol=1e-6)


def test_bits_per_character_of_uniform_and_masked_predictions():
    metric = BitsPerCharacter()
    assert metric.result() == 0
    masked = tf.fill((1, 3, 64), 1 / 64)
    set_keras_mask(masked, tf.constant([[True, True, False]]))
    metric.update_state([[0, 63, -1]], masked)
    np.testing.assert_allclose(metric.result(), 6, rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_bits_per_character_of_masked_model(policy):
    """Tests `evaluate` of a model with a mask against SciPy."""
    rng = np.random.default_rng(7)
    steps = rng.integers(1, 5, (8, 6))
    steps[:, 4:] = 0  # padding
    labels = rng.integers(0, 5, steps.shape)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Embedding(5, 5, mask_zero=True, dtype=policy, name="logits")]
    )
    table = rng.integers(-8, 8, (5, 5)) / 4  # exact in half precision
    model.set_weights([table])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, weighted_metrics=[BitsPerCharacter(from_logits=True)])
    found = model.evaluate(steps, labels, batch_size=3, verbose=0)
    picked = np.take_along_axis(log_softmax(table, axis=-1)[steps], labels[..., None], axis=-1)[:, :4]
    np.testing.assert_allclose(found[1], -picked.mean() / np.log(2), rtol=1e-6)
