"""Vocabularies, compared with TensorFlow's lookup table, Keras layers, and plain Python."""

import re
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.preprocessing import Vocabulary, idf_weights, split_words
from tensorsmith.testing import raises_argument_error

HANDBOOK = ["<1H OCEAN", "INLAND", "NEAR OCEAN", "NEAR BAY", "ISLAND"]
RNG = np.random.default_rng(0)
WORDS = [f"w{number}" for number in range(30)]
DOCUMENTS = [
    [str(word) for word in RNG.choice(WORDS, size, p=np.arange(1, 31) / 465)] for size in RNG.integers(1, 9, 40)
]
RAGGED = tf.ragged.constant(DOCUMENTS)


def static_table(keys, buckets):
    initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.range(len(keys), dtype=tf.int64))
    return tf.lookup.StaticVocabularyTable(initializer, buckets)


def test_one_hot_lookup_table():
    layer = Vocabulary(HANDBOOK, oov_buckets=2, oov="last", output="one_hot")
    found = layer(tf.constant(["NEAR BAY", "DESERT", "INLAND", "INLAND"]))
    np.testing.assert_array_equal(found, np.eye(7)[[3, 5, 1, 1]])


def test_bag_of_words():
    layer = Vocabulary(["and", "basketball", "more"], oov="last", output="count")
    assert layer(split_words(tf.constant(["More and more!"]))).numpy().tolist() == [[1, 0, 2, 0]]


def test_split_words_matches_python():
    texts = ["", " ", "Don't  stop_now, 2.5x", "l'été à l'Île—d'Yeu", "ПРИВЕТ, мир", "東京 2020"]
    expected = [re.findall(r"(?:[^\W_]|')+", text.lower()) for text in texts]
    assert [[word.decode() for word in row] for row in split_words(tf.constant(texts)).to_list()] == expected


@pytest.mark.parametrize("buckets", [1, 2, 7])
def test_oov_last_matches_tensorflow(buckets):
    tokens = tf.constant([*WORDS, "", "é", *(f"other {number}" for number in range(50))])
    expected = static_table(WORDS, buckets).lookup(tokens)
    np.testing.assert_array_equal(Vocabulary(WORDS, buckets, "last")(tokens), expected)
    numbers = tf.range(-20, 50, dtype=tf.int64)
    expected = static_table(tf.constant([4, -3, 40], tf.int64), buckets).lookup(numbers)
    for dtype in ("int64", "int32"):
        layer = Vocabulary([4, -3, 40], buckets, "last", keys="int64")
        np.testing.assert_array_equal(layer(tf.cast(numbers, dtype)), expected)


@pytest.mark.parametrize("buckets", [1, 2, 7])
def test_oov_first_matches_keras(buckets):
    tokens = tf.constant([*WORDS, "", "é", *(f"other {number}" for number in range(50))])
    expected = keras.layers.StringLookup(vocabulary=WORDS, num_oov_indices=buckets)(tokens)
    np.testing.assert_array_equal(Vocabulary(WORDS, buckets)(tokens), expected)
    numbers = tf.range(-20, 50)
    expected = keras.layers.IntegerLookup(vocabulary=[4, -3, 40])(numbers)
    np.testing.assert_array_equal(Vocabulary([4, -3, 40], keys="int64")(numbers), expected)


@pytest.mark.parametrize("output", ["one_hot", "multi_hot", "count", "tf_idf"])
@pytest.mark.parametrize("oov", ["first", "last"])
def test_outputs_match_keras(output, oov):
    weights = list(np.linspace(0.5, 2, 30)) if output == "tf_idf" else None
    theirs = keras.layers.StringLookup(
        vocabulary=WORDS, num_oov_indices=3, output_mode=output, idf_weights=weights, oov_token="[UNK]"
    )
    ours = Vocabulary(WORDS, 3, oov, output, idf_weights=weights)
    tokens = tf.constant([["w1", "w29", "w1", "?"], ["w0", "!", "", "w0"]])
    expected = theirs(tokens)
    if oov == "last":
        expected = np.roll(expected, -3, axis=-1)
    np.testing.assert_allclose(ours(tokens), expected, rtol=1e-6)
    column = theirs(tokens[:, :1])
    np.testing.assert_allclose(ours(tokens[:, :1]), column if oov == "first" else np.roll(column, -3, -1), rtol=1e-6)


def test_ragged_documents():
    layer = Vocabulary(["w1", "w2"], 2, "last")
    numbers = layer(RAGGED)
    assert isinstance(numbers, tf.RaggedTensor)
    np.testing.assert_array_equal(numbers.flat_values, layer(RAGGED.flat_values))
    counts = Vocabulary(["w1", "w2"], output="count", oov="last")(RAGGED)
    found = [(document.count("w1"), document.count("w2")) for document in DOCUMENTS]
    np.testing.assert_array_equal(counts[:, :2], found)
    np.testing.assert_array_equal(tf.reduce_sum(counts, 1), list(map(len, DOCUMENTS)))


@pytest.mark.parametrize("buckets", [1, 3])
def test_reserved_tokens_match_mask_of_keras(buckets):
    tokens = tf.constant([["", "w1", "?", "w2"], ["w1", "", "!", "w1"]])
    theirs = keras.layers.StringLookup(vocabulary=["w1", "w2"], mask_token="", num_oov_indices=buckets)
    ours = Vocabulary(["w1", "w2"], oov_buckets=buckets, reserved=[""])
    np.testing.assert_array_equal(ours(tokens), theirs(tokens))
    assert ours.size == theirs.vocabulary_size()


@pytest.mark.parametrize("oov", ["first", "last"])
def test_reserved_tokens(oov):
    """Reserved tokens have the first indices, are not counted by `adapt`, and do not occur in vectors."""
    reserved = ["", "[START]", "[END]"]
    documents = [["[START]", *document, "[END]", "", ""] for document in DOCUMENTS]
    plain, layer = Vocabulary(oov=oov), Vocabulary(oov=oov, reserved=reserved, limit=30)
    plain.adapt(RAGGED)
    layer.adapt(tf.ragged.constant(documents))
    assert layer.vocabulary == plain.vocabulary
    np.testing.assert_array_equal(layer(tf.constant(reserved)), [0, 1, 2])
    np.testing.assert_array_equal(layer(RAGGED).flat_values, plain(RAGGED).flat_values + 3)
    copy = Vocabulary.from_config(layer.get_config())
    np.testing.assert_array_equal(copy(RAGGED).flat_values, layer(RAGGED).flat_values)
    for output in ("count", "tf_idf"):
        vectors = []
        for tokens, given in ((documents, reserved), (DOCUMENTS, [])):
            counter = Vocabulary(oov=oov, output=output, reserved=given)
            counter.adapt(tf.ragged.constant(tokens))
            vectors.append(counter(tf.ragged.constant(tokens)).numpy())
        np.testing.assert_allclose(vectors[0], np.pad(vectors[1], ((0, 0), (3, 0))), rtol=1e-6)


def test_adapt_without_reset():
    whole, parts = (Vocabulary(output="tf_idf", limit=10) for _ in range(2))
    whole.adapt(RAGGED)
    with raises_argument_error("reset", expected="True for a layer that has not been adapted"):
        parts.adapt(RAGGED[:15], reset=False)
    parts.adapt(RAGGED[:15])
    parts.adapt(RAGGED[15:], reset=False)
    assert parts.vocabulary == whole.vocabulary
    np.testing.assert_allclose(parts.idf_weights, whole.idf_weights)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("formula", ["keras", "inverse_log"])
def test_adapt_counts_over_batches(batch_size, formula):
    layer = Vocabulary(output="tf_idf", formula=formula, limit=10)
    layer.adapt(tf.data.Dataset.from_tensor_slices(RAGGED).ragged_batch(batch_size) if batch_size < 100 else RAGGED)
    counts = Counter(word for document in DOCUMENTS for word in document)
    expected = sorted(counts, key=lambda word: (-counts[word], word))[:10]
    assert layer.vocabulary == expected
    shares = [sum(word in document for document in DOCUMENTS) for word in expected]
    weights = [np.log(1 + 40 / (1 + share)) if formula == "keras" else 1 / np.log(max(share, 2)) for share in shares]
    np.testing.assert_allclose(layer.idf_weights, weights)
    vector = layer(tf.constant([[expected[3], expected[3], "unknown"]]))[0]
    np.testing.assert_allclose(vector[4], 2 * weights[3], rtol=1e-6)
    np.testing.assert_allclose(vector[0], np.mean(weights), rtol=1e-6)


def test_adapted_weights_match_keras():
    tokens = tf.constant(RNG.choice(WORDS, (50, 6)))
    theirs = keras.layers.StringLookup(output_mode="tf_idf")
    theirs.adapt(tokens)
    ours = Vocabulary(output="tf_idf")
    ours.adapt(tokens)
    order = theirs.get_vocabulary()[1:]  # Keras orders equally frequent words differently
    assert sorted(order) == sorted(ours.vocabulary)
    columns = [0, *(1 + ours.vocabulary.index(word) for word in order)]
    further = tf.constant(RNG.choice([*WORDS, "unknown"], (20, 9)))
    np.testing.assert_allclose(ours(further).numpy()[:, columns], theirs(further), rtol=1e-6)


def test_published_idf_weights():
    factors = idf_weights([200, 10, 100], 1000, "inverse_log")
    np.testing.assert_allclose(np.array([1, 0, 2]) * factors, [0.19, 0, 0.43], atol=0.005)
    assert np.isfinite(idf_weights([0, 1, 2], 10, "inverse_log")).all()


@pytest.mark.parametrize("oov", ["first", "last"])
def test_save_export_clone_and_map(oov, tmp_path):
    layer = Vocabulary(oov_buckets=3, oov=oov, output="tf_idf", formula="inverse_log")
    layer.adapt(RAGGED)
    inputs = keras.Input((4,), dtype="string")
    model = keras.Model(inputs, layer(inputs))
    tokens = tf.constant([["w1", "w29", "w1", "?"], ["w0", "é", "", "w0"]])
    expected = model(tokens)
    assert np.ptp(expected) > 0
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "export", verbose=False)
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(tokens), expected)
    np.testing.assert_array_equal(tf.saved_model.load(str(tmp_path / "export")).serve(tokens), expected)
    np.testing.assert_array_equal(Vocabulary.from_config(layer.get_config())(tokens), expected)
    mapped = tf.data.Dataset.from_tensor_slices(tokens).batch(2).map(layer)
    np.testing.assert_array_equal(next(iter(mapped)), expected)
    np.testing.assert_array_equal(model.predict(tokens, verbose=0), expected)


def test_unbuilt_layer_in_pipeline():
    tokens = tf.data.Dataset.from_tensor_slices(["b", "?"]).map(Vocabulary(["a", "b"], oov="last"))
    assert list(tokens.as_numpy_iterator()) == [1, 2]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (
            lambda: Vocabulary()(tf.constant(["a"])),
            {"name": "vocabulary", "expected": "set before the layer is called"},
        ),
        (
            lambda: Vocabulary()(keras.Input((1,), dtype="string")),
            {"name": "vocabulary", "expected": "set before the layer is called"},
        ),
        (lambda: Vocabulary(["a"])(tf.constant([1])), {"name": "inputs", "received": "'int32'", "expected": "strings"}),
        (
            lambda: Vocabulary([1], keys="int64")(tf.constant([1.0])),
            {"name": "inputs", "received": "'float32'", "expected": "integers"},
        ),
        (
            lambda: Vocabulary(["a"], output="count")(tf.constant(["a"])),
            {"name": "inputs", "expected": "have shape (batch, tokens)", "remedy": "pass single tokens as a column"},
        ),
        (
            lambda: Vocabulary(["a", "a"]),
            {"name": "vocabulary", "expected": "a sequence of distinct tokens of type str"},
        ),
        (lambda: Vocabulary(reserved="abc"), {"name": "reserved", "expected": "a sequence of distinct tokens"}),
        (lambda: Vocabulary([]), {"name": "vocabulary", "expected": "contain at least one token"}),
        (lambda: Vocabulary(["a"], output="tf_idf"), {"name": "idf_weights", "expected": "one for each token"}),
        (lambda: Vocabulary(["a"], idf_weights=[1.0]), {"name": "idf_weights", "expected": "None unless `output`"}),
        (
            lambda: Vocabulary(["a"], oov="frist"),
            {"name": "oov", "received": "'frist'", "remedy": "Did you mean first"},
        ),
        (lambda: Vocabulary().adapt(tf.constant([], tf.string)), {"name": "data", "expected": "at least one token"}),
        (
            lambda: Vocabulary().adapt(tf.constant("a")),
            {"name": "data", "expected": "contain documents along a batch axis"},
        ),
        (
            lambda: Vocabulary().adapt(tf.data.Dataset.from_tensors(tf.constant(["a"])).take(0)),
            {"name": "data", "expected": "at least one token"},
        ),
        (lambda: Vocabulary().adapt(tf.constant([b"\xff"])), {"name": "token", "expected": "UTF-8"}),
        (
            lambda: idf_weights([3], 2),
            {"name": "document_counts", "expected": "contain numbers from 0 to the number of documents (2)"},
        ),
    ],
)
def test_error_messages(call, error):
    with raises_argument_error(**error):
        call()
