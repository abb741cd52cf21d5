"""Feature specs, compared with scikit-learn, NumPy and Keras layers; a single pass, and no training-serving skew."""

import io
import sys
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from tensorsmith.data.preprocessing import (
    Bucketize,
    Cross,
    FeatureSpec,
    Hash,
    Lookup,
    Passthrough,
    Standardize,
    Text,
    split_words,
)
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema

COUNT = 200
RNG = np.random.default_rng(0)
WORDS = ["sea", "view", "old", "new", "garden", "well-known", "Ünique"]
EXAMPLES = {
    "age": RNG.gamma(2, 20, COUNT),
    "sizes": RNG.normal([5, 100], [1, 30], (COUNT, 2)).astype("float32"),
    "time": 1_700_000_000 + RNG.integers(0, 1000, COUNT),
    "open": RNG.random(COUNT) < 0.5,
    "rooms": RNG.integers(0, 3, COUNT),
    "city": RNG.choice(["Oslo", "Rome", "Æbeltoft"], COUNT, p=[0.2, 0.5, 0.3]).astype(object),
    "code": RNG.integers(0, 10**6, COUNT),
    "text": np.array([" ".join(RNG.choice(WORDS, 5)) + "!" for _ in range(COUNT)], dtype=object),
    "price": RNG.random(COUNT).astype("float32"),
}
SCHEMA = Schema(
    {
        "age": Feature("float64"),
        "sizes": Feature("float32", (2,)),
        "time": Feature("int64"),
        "open": Feature("bool"),
        "rooms": Feature("int64", labels=("one", "two", "many")),
        "city": Feature("string"),
        "code": Feature("int64"),
        "text": Feature("string"),
        "price": Feature("float32"),
    }
)
CHOICES = {
    "age_bin": Bucketize(4, feature="age", embed=2),
    "city": Lookup(oov_buckets=2, oov="last"),
    "code": Hash(16, salt=3, embed=3),
    "text": Text(limit=5, output="tf_idf", formula="inverse_log"),
    "where_and_when": Cross(("city", "rooms", "age_bin"), 12),
}
NEW = {name: values[:9] for name, values in EXAMPLES.items()} | {
    "city": np.array(["Oslo", "Rome", "Paris", "", "Bonn", "Rome", "Lima", "x", "y"], dtype=object),
    "rooms": np.array([0, 1, 2, 3, -1, 0, 1, 2, 99]),
}


def dataset(examples=EXAMPLES, batch_size=32):
    return tf.data.Dataset.from_tensor_slices(examples).batch(batch_size)


def adapted(batch_size=32, **more):
    spec = FeatureSpec(SCHEMA, CHOICES | more, exclude=["price"])
    spec.adapt(dataset(batch_size=batch_size))
    return spec


@pytest.fixture(scope="module")
def spec():
    return adapted()


@pytest.fixture(scope="module")
def preprocessed(spec):
    return {name: tensor.numpy() for name, tensor in spec.preprocessing(EXAMPLES).items()}


def test_names_and_types(spec, preprocessed):
    assert set(spec.inputs()) == set(EXAMPLES) - {"price"}
    assert set(preprocessed) == set(EXAMPLES) - {"price"} | {"age_bin", "where_and_when"}
    classes = {"age_bin", "rooms", "city", "code", "where_and_when"}
    assert {name for name, values in preprocessed.items() if values.dtype.kind == "i"} == classes
    declared = {name: tensor.dtype for name, tensor in spec.preprocessing.output.items()}
    assert {name: values.dtype for name, values in preprocessed.items()} == declared
    assert {values.dtype.name for name, values in preprocessed.items() if name not in classes} == {"float32"}


def test_standardize_matches_scikit_learn(preprocessed):
    for name in ("age", "sizes", "time"):
        expected = StandardScaler().fit_transform(np.reshape(EXAMPLES[name], (COUNT, -1)).astype("float64"))
        np.testing.assert_allclose(preprocessed[name], expected, rtol=1e-5, atol=1e-6)


def test_bins_match_scikit_learn(preprocessed):
    method = {"strategy": "quantile", "encode": "ordinal", "quantile_method": "linear"}
    expected = KBinsDiscretizer(4, subsample=None, **method).fit_transform(EXAMPLES["age"][:, None])
    np.testing.assert_array_equal(preprocessed["age_bin"], expected)
    assert set(Counter(preprocessed["age_bin"].ravel().tolist()).values()) == {COUNT // 4}


def test_lookup_order_and_oov_buckets(spec):
    found = spec.preprocessing(NEW)
    fingerprints = tf.strings.to_hash_bucket_fast(NEW["city"], 2).numpy()
    known = {"Rome": 0, "Æbeltoft": 1, "Oslo": 2}
    expected = [known.get(city, 3 + fingerprint) for city, fingerprint in zip(NEW["city"], fingerprints, strict=True)]
    assert found["city"].numpy().ravel().tolist() == expected
    assert found["rooms"].numpy().ravel().tolist() == [1, 2, 3, 0, 0, 1, 2, 3, 0]


def test_hash_matches_keras(preprocessed):
    expected = keras.layers.Hashing(16, salt=3)(tf.constant(EXAMPLES["code"][:, None]))
    np.testing.assert_array_equal(preprocessed["code"], expected)


def test_text_idf_weights(preprocessed):
    documents = [text.lower().replace("-", " ").strip("!").split() for text in EXAMPLES["text"]]
    counts = Counter(word for document in documents for word in document)
    words = sorted(counts, key=lambda word: (-counts[word], word.encode()))
    assert {"ünique", "well", "known"} <= set(words)
    weights = np.array([1 / np.log(sum(word in document for document in documents)) for word in words[:5]])
    expected = np.array([[document.count(word) for word in words[:5]] for document in documents]) * weights
    np.testing.assert_allclose(preprocessed["text"][:, 1:], expected, rtol=1e-6)
    unknown = np.array([sum(word in words[5:] for word in document) for document in documents])
    np.testing.assert_allclose(preprocessed["text"][:, 0], unknown * weights.mean(), rtol=1e-6)


@pytest.mark.parametrize("output", ["count", "multi_hot", "tf_idf"])
def test_text_vectors_match_keras(output):
    spec = FeatureSpec(Schema({"text": Feature("string")}), {"text": Text(output=output)})
    spec.adapt(dataset({"text": EXAMPLES["text"]}))
    layer = keras.layers.TextVectorization(standardize=None, split=split_words, output_mode=output)
    layer.adapt(EXAMPLES["text"])
    found, expected = spec.preprocessing({"text": EXAMPLES["text"]})["text"].numpy(), layer(EXAMPLES["text"]).numpy()
    # The order of equally frequent words differs.
    np.testing.assert_allclose(np.sort(found, axis=1), np.sort(expected, axis=1), rtol=1e-5)
    np.testing.assert_allclose(np.sort(found.sum(0)), np.sort(expected.sum(0)), rtol=1e-5)


def test_feature_crosses(preprocessed):
    pair = adapted(pair=Cross(("city", "rooms"), 50)).preprocessing(EXAMPLES)["pair"]
    expected = keras.layers.HashedCrossing(50)([preprocessed["city"], preprocessed["rooms"]])
    np.testing.assert_array_equal(pair, expected)
    triple = adapted(triple=Cross(("city", "rooms", "age_bin"), 10**6)).preprocessing(EXAMPLES)["triple"].numpy()
    combinations = {
        (*(int(preprocessed[name][row, 0]) for name in ("city", "rooms", "age_bin")), int(triple[row, 0]))
        for row in range(COUNT)
    }
    assert len(combinations) == len({one[:3] for one in combinations}) == len({one[3] for one in combinations}) > 20


def test_adapt_in_one_pass():
    passes, given = [], []

    def batches():
        passes.append(1)
        for start in range(0, COUNT, 50):
            given.append(start)
            yield {name: values[start : start + 50] for name, values in EXAMPLES.items()}

    signature = {
        name: tf.TensorSpec((None, *values.shape[1:]), tf.string if values.dtype == object else values.dtype)
        for name, values in EXAMPLES.items()
    }
    FeatureSpec(SCHEMA, CHOICES).adapt(tf.data.Dataset.from_generator(batches, output_signature=signature))
    assert (len(passes), given) == (1, [0, 50, 100, 150])


@pytest.mark.parametrize("batch_size", [1, 200])
def test_adapt_is_independent_of_batch_size(batch_size, preprocessed):
    for name, tensor in adapted(batch_size).preprocessing(EXAMPLES).items():
        np.testing.assert_allclose(tensor, preprocessed[name], rtol=1e-5, atol=1e-6)


def test_adapt_with_arrays_and_targets(preprocessed):
    spec = FeatureSpec(SCHEMA, CHOICES, exclude=["price"])
    texts = {name: EXAMPLES[name].astype(str) for name in ("city", "text")}
    spec.adapt([(EXAMPLES | texts, EXAMPLES["price"])])
    for name, tensor in spec.preprocessing(EXAMPLES).items():
        np.testing.assert_array_equal(tensor, preprocessed[name])


def test_encoder_concatenates_features(spec, preprocessed):
    encoded = spec.encoder(preprocessed).numpy()
    sizes = {"age": 1, "sizes": 2, "time": 1, "open": 1, "rooms": 4, "city": 5, "code": 3, "text": 6}
    widths = np.cumsum([*sizes.values(), 2, 12])
    assert encoded.shape == (COUNT, widths[-1])
    parts = dict(zip([*sizes, "age_bin", "where_and_when"], np.split(encoded, widths[:-1], axis=1), strict=True))
    np.testing.assert_array_equal(parts["rooms"], np.eye(4)[preprocessed["rooms"].ravel()])
    np.testing.assert_array_equal(parts["where_and_when"], np.eye(12)[preprocessed["where_and_when"].ravel()])
    np.testing.assert_array_equal(parts["sizes"], preprocessed["sizes"])
    np.testing.assert_array_equal(parts["open"].ravel(), EXAMPLES["open"])
    embedding = spec.encoder.get_layer("code_embedding").embeddings.numpy()
    np.testing.assert_array_equal(parts["code"], embedding[preprocessed["code"].ravel()])
    assert not spec.preprocessing.trainable_weights
    assert len(spec.encoder.trainable_weights) == 2


def test_train_preprocessed_and_serve_raw(tmp_path):
    spec = adapted()

    def preprocess(example):
        return spec.preprocessing(example), example["price"]

    inputs = spec.preprocessing.output
    inputs = {name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name) for name, tensor in inputs.items()}
    trained = keras.Model(inputs, keras.layers.Dense(1)(spec.encoder(inputs)))
    trained.compile("sgd", "mean_squared_error", jit_compile=False)
    before = spec.encoder.get_weights()
    trained.fit(dataset().map(preprocess), epochs=1, verbose=0, shuffle=False)
    assert all((old != new).any() for old, new in zip(before, spec.encoder.get_weights(), strict=True))
    raw = spec.inputs()
    served = keras.Model(raw, trained(spec.preprocessing(raw)))
    fresh = {name: tf.constant(values) for name, values in NEW.items() if name != "price"}
    expected = trained.predict(dataset(NEW).map(preprocess), verbose=0)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(served(fresh), expected, rtol=1e-6)
    served.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(fresh), served(fresh))
    served.export(tmp_path / "export", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "export"))
    np.testing.assert_allclose(exported.serve(fresh), served(fresh), rtol=1e-6)


def test_save_and_load_preprocessing(spec, tmp_path):
    spec.preprocessing.save(tmp_path / "preprocessing.keras")
    loaded = keras.models.load_model(tmp_path / "preprocessing.keras")
    expected, found = spec.preprocessing(NEW), loaded(NEW)
    mapped = next(iter(dataset(NEW).map(loaded)))
    assert set(found) == set(expected) == set(mapped)
    for name, tensor in expected.items():
        np.testing.assert_allclose(found[name], tensor, rtol=1e-6)
        np.testing.assert_allclose(mapped[name], tensor, rtol=1e-6)


def test_stateless_features_without_adapt():
    schema = Schema({"x": Feature("uint8", (2, 2)), "id": Feature("bytes")})
    spec = FeatureSpec(schema, {"x": Passthrough(), "id": Hash(3)})
    examples = {"x": np.arange(8, dtype="uint8").reshape(2, 2, 2), "id": np.array([b"\xff", b"a"], object)}
    found = spec.preprocessing(examples)
    np.testing.assert_array_equal(found["x"], np.arange(8).reshape(2, 4))
    np.testing.assert_array_equal(found["id"], keras.layers.Hashing(3)(tf.constant([[b"\xff"], [b"a"]])))
    np.testing.assert_array_equal(next(iter(dataset(examples).map(spec.preprocessing)))["id"], found["id"])
    assert spec.encoder(found).shape == (2, 7)


def test_adapt_resets_statistics():
    spec = FeatureSpec(Schema({"x": Feature("float32")}))
    for values in (np.array([1.0, 3.0]), np.array([10.0, 30.0])):
        spec.adapt([{"x": values}])
        np.testing.assert_allclose(spec.preprocessing({"x": values})["x"], [[-1], [1]])


def test_adapt_without_reset():
    whole, parts = FeatureSpec(SCHEMA, CHOICES), FeatureSpec(SCHEMA, CHOICES)
    halves = [{name: values[part] for name, values in EXAMPLES.items()} for part in (slice(80), slice(80, None))]
    with raises_argument_error("reset", expected="True for a FeatureSpec that has not been adapted"):
        parts.adapt(halves[:1], reset=False)
    whole.adapt(halves)
    parts.adapt(halves[:1])
    parts.adapt(halves[1:], reset=False)
    expected = whole.preprocessing(EXAMPLES)
    for name, tensor in parts.preprocessing(EXAMPLES).items():
        np.testing.assert_allclose(tensor, expected[name], rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_precision_of_large_values(policy, tmp_path):
    times = 1_700_000_000 + np.arange(0, 1000, 2.0)
    spec = FeatureSpec(Schema({"time": Feature("float64")}), {"bin": Bucketize(10, feature="time")})
    keras.config.set_dtype_policy(policy)
    try:
        spec.adapt([{"time": times}])
        spec.preprocessing.save(tmp_path / "model.keras")
        for model in (spec.preprocessing, keras.models.load_model(tmp_path / "model.keras")):
            found = model({"time": times})
            np.testing.assert_allclose(found["time"][:, 0], (times - times.mean()) / times.std(), rtol=1e-6)
            np.testing.assert_array_equal(found["bin"][:, 0], np.arange(500) // 50)
        mapped = next(iter(dataset({"time": times}, 500).map(spec.preprocessing)))
        np.testing.assert_array_equal(mapped["time"], found["time"])
        assert spec.encoder(found).dtype == policy.removeprefix("mixed_")
    finally:
        keras.config.set_dtype_policy("float32")


def test_bfloat16_feature():
    spec = FeatureSpec(Schema({"x": Feature("bfloat16")}))
    values = tf.constant([0.1, 0.3, 5.0], tf.bfloat16)
    spec.adapt([{"x": values}])
    found = spec.preprocessing({"x": values})["x"].numpy()
    wanted = StandardScaler().fit_transform(values.numpy().astype("float64")[:, None])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    with pytest.raises(ValueError, match="dataset must .*got NaN or infinity in x"):
        spec.adapt([{"x": tf.constant([1.0, np.nan], tf.bfloat16)}])


def test_constant_feature():
    spec = FeatureSpec(Schema({"x": Feature("float32")}))
    spec.adapt([{"x": np.full(5, 0.1)}])
    np.testing.assert_allclose(spec.preprocessing({"x": np.array([0.1, 1.1])})["x"], [[0], [1]], atol=1e-6)


@pytest.mark.parametrize(
    ("choices", "exclude", "messages"),
    [
        (
            {"citty": Lookup()},
            [],
            ["choices must contain only features of the schema as keys, got 'citty'. Did you mean city"],
        ),
        ({"x": Passthrough(feature="agee")}, [], ["got 'agee'. Did you mean age"]),
        (
            {"city": Standardize(), "age": Lookup()},
            ["prices"],
            ["numbers to be used with Stand", "integers to be used with Lookup", "mean price"],
        ),
        (
            {"city": Bucketize(3), "code": Text()},
            [],
            ["numbers to be used with Bucketize", "one string to be used with Text"],
        ),
        ({"sizes": Hash(3)}, [], ["strings or integers to be used with Hash"]),
        (
            {"cross": Cross(("city", "age"), 9)},
            [],
            ["cross must be the name of a Lookup, Hash or Bucketize of a single value, got 'age'"],
        ),
        ({"one": Cross(("city", "rooms"), 9), "two": Cross(("one", "city"), 9)}, [], ["two must be", "got 'one'"]),
        (
            {"sizes": Bucketize(3), "two": Cross(("sizes", "city"), 9)},
            [],
            ["two must be", "of a single value, got 'sizes'"],
        ),
        ({"a/b": Cross(("city", "rooms"), 9)}, [], ["not contain keys with", "got 'a/b'"]),
        ({}, list(EXAMPLES), ["a proper subset of the features"]),
    ],
)
def test_incompatible_choices_are_reported_together(choices, exclude, messages):
    with pytest.raises(ValueError, match=" must .*, got ") as error:
        FeatureSpec(SCHEMA, choices, exclude)
    assert all(message in str(error.value) for message in messages)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Feature("float32", (None,)), "a feature of fixed size that is required or has a default"),
        (Feature("float32", optional=True), "is required or has a default.*Add `default` to the feature in the schema"),
        (Feature("float32", (2,), sequence=True), "a feature of fixed size that is required or has a default"),
        (Feature("uint8", (8, 8, 1), "png"), "for which there is default preprocessing, got 'uint8'"),
        (Feature("bytes"), "for which there is default preprocessing, got 'bytes'"),
        (Feature("complex64"), "for which there is default preprocessing, got 'complex64'"),
    ],
)
def test_unsupported_features(feature, message):
    schema = Schema({"x": feature, "y": Feature("bool")})
    with pytest.raises(ValueError, match=f"x must .*{message}"):  # the message lists all mistakes
        FeatureSpec(schema)
    assert set(FeatureSpec(schema, exclude=["x"]).inputs()) == {"y"}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([], {"name": "dataset", "expected": "contain at least one example"}),
        (
            [{"x": np.zeros(0), "s": np.zeros(0, object)}],
            {"name": "dataset", "expected": "contain at least one example"},
        ),
        ([{"x": np.zeros(2)}], {"name": "dataset", "expected": "contain batches with the features s"}),
        (
            [{"x": np.array([1.0, np.nan]), "s": np.array(["a", "b"])}],
            {"name": "dataset", "received": "NaN or infinity in x"},
        ),
        (
            [{"x": np.array(["1", "2"]), "s": np.array(["a", "b"])}],
            {"name": "x", "expected": "have dtype float32 to match the schema"},
        ),
        ([{"x": np.zeros(2), "s": np.zeros(2)}], {"name": "s", "expected": "have dtype string to match the schema"}),
        ([{"x": np.zeros((2, 3)), "s": np.array(["a", "b"])}], {"name": "x", "received": "(2, 3)"}),
        ([{"x": np.zeros(()), "s": np.array("a")}], {"name": "x", "expected": "have shape (None,)"}),
        ([np.zeros(3)], {"name": "dataset", "expected": "contain batches that are dictionaries"}),
        (
            [{"x": np.zeros(2), "s": np.array(["a", "b", "c"])}],
            {"name": "dataset", "expected": "contain batches with the same number of examples"},
        ),
    ],
)
def test_invalid_data(data, error):
    spec = FeatureSpec(Schema({"x": Feature("float32"), "s": Feature("string")}))
    with raises_argument_error(**error):
        spec.adapt(data)


def test_str_and_bytes_are_equal_tokens():
    spec = FeatureSpec(Schema({"s": Feature("string")}))
    batches = [np.array(["é", b"b"], object), np.array(["é", "c"]), np.array([b"b", b"b"], object)]
    spec.adapt([{"s": batch} for batch in batches])
    numbers = spec.preprocessing({"s": tf.constant(["b", "é", "c", "?"])})["s"]
    assert numbers.numpy().ravel().tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_missing_string(nothing):
    spec = FeatureSpec(Schema({"s": Feature("string")}))
    with raises_argument_error("s", expected="contain only strings"):
        spec.adapt([{"s": np.array(["a", nothing], object)}])


@pytest.mark.parametrize(
    ("dtype", "values"), [("int64", [0.2, 0.4]), ("uint8", [1, 300]), ("int32", [0, 2**40]), ("bool", [0, 2])]
)
def test_values_beyond_schema_dtype(dtype, values):
    spec = FeatureSpec(Schema({"x": Feature(dtype)}), {"x": Standardize()})
    with raises_argument_error(
        "x", received=f"numbers that {dtype} cannot represent", expected="contain numbers of dtype"
    ):
        spec.adapt([{"x": np.array(values)}])


def test_progress_and_logging(monkeypatch, caplog):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with caplog.at_level("INFO"):
        adapted()
    assert "adapting" in sys.stderr.getvalue()
    assert "adapted to 200 examples" in caplog.messages


def test_infinite_dataset():
    with pytest.raises(ValueError, match="before `repeat`"):
        adapted().adapt(dataset().repeat())


def test_use_before_adapt():
    spec = FeatureSpec(SCHEMA, CHOICES)
    for use in (lambda: spec.preprocessing, lambda: spec.encoder):
        with pytest.raises(ValueError, match="Features .* have no statistics yet. Call `adapt`"):
            use()


def test_uninformative_data_is_reported_together():
    schema = Schema({"x": Feature("float32"), "text": Feature("string"), "city": Feature("string")})
    spec = FeatureSpec(schema, {"x": Bucketize(4), "text": Text()})
    blank, not_utf8 = np.full(9, b" ?", object), np.full(9, b"\xff", object)
    with pytest.raises(ValueError, match=r"(?s)x: .*[Pp]ass `boundaries`.*text: .*one word.*city: .*UTF-8"):
        spec.adapt([{"x": np.zeros(9), "text": blank, "city": not_utf8}])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bucketize(),
        lambda: Bucketize(1),
        lambda: Bucketize(3, (1.0,)),
        lambda: Bucketize(boundaries=(2.0, 1.0)),
        lambda: Hash(0),
        lambda: Lookup(oov="middle"),
        lambda: Lookup(oov_buckets=0),
        lambda: Lookup(embed=0),
        lambda: Text(0),
        lambda: Text(output="int"),
        lambda: Text(formula="book"),
        lambda: Cross(("a",), 3),
        lambda: Cross(("a", "b"), 3, feature="a"),
    ],
)
def test_invalid_choices(make):
    with pytest.raises(ValueError, match=" must .*, got "):
        make()
