"""Imputation of missing values in a feature spec, compared with scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from tensorsmith.data.preprocessing import (
    Bucketize,
    FeatureModel,
    FeatureSpec,
    Impute,
    Imputer,
    Lookup,
    Passthrough,
    Standardize,
    Vocabulary,
)
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema

COUNT = 500
RNG = np.random.default_rng(1)
NUMBERS = np.where(RNG.random(COUNT) < 0.2, np.nan, RNG.gamma(2, 20, COUNT).astype("float32"))
COUNTS = np.where(RNG.random(COUNT) < 0.3, np.nan, RNG.integers(0, 4, COUNT))
CITIES = np.where(RNG.random(COUNT) < 0.3, "", RNG.choice(["Oslo", "Rome", "Bonn"], COUNT, p=[0.2, 0.4, 0.4]))
SCHEMA = Schema(
    {
        "number": Feature("float32", optional=True, default="nan"),
        "count": Feature("int64", optional=True, default="nan"),
        "city": Feature("string", optional=True, default=""),
    }
)
EXAMPLES = {"number": NUMBERS.astype("float32"), "count": COUNTS, "city": CITIES.astype(object)}
EXACT = {"count": Impute("most_frequent"), "city": Impute("most_frequent")}


def dataset(examples=EXAMPLES, batch_size=64):
    return tf.data.Dataset.from_tensor_slices(examples).batch(batch_size)


def outputs(spec, examples=EXAMPLES):
    """Returns the output of the preprocessing for all examples as arrays without the axis of size 1."""
    tensors = spec.preprocessing({name: tf.constant(values) for name, values in examples.items()})
    return {name: tensor.numpy()[:, 0] for name, tensor in tensors.items()}


def vocabulary(spec):
    """Returns the tokens of the only vocabulary of a spec."""
    (layer,) = (layer for layer in spec.preprocessing.layers if isinstance(layer, Vocabulary))
    return layer.vocabulary


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("name", ["number", "count"])
def test_numbers_match_simple_imputer(name, strategy):
    values = EXAMPLES[name][:, None]
    theirs = SimpleImputer(strategy=strategy, add_indicator=True)
    expected = theirs.fit_transform(values)
    impute = {**EXACT, "number": Impute("mean"), name: Impute(strategy, add_indicator=True)}
    choices = {name: Passthrough(), "scaled": Standardize(feature=name)}
    spec = FeatureSpec(SCHEMA, choices, impute=impute)
    spec.adapt(dataset())
    found = outputs(spec)
    np.testing.assert_allclose(found[name], expected[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(found[f"{name}_missing"], expected[:, 1])
    scaled = make_pipeline(SimpleImputer(strategy=strategy), StandardScaler()).fit_transform(values)
    np.testing.assert_allclose(found["scaled"], scaled[:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("strategy", "value"), [("most_frequent", None), ("constant", None), ("constant", "Paris")])
def test_strings_match_simple_imputer(strategy, value):
    theirs = SimpleImputer(missing_values="", strategy=strategy, fill_value=value)
    expected = theirs.fit_transform(EXAMPLES["city"][:, None])[:, 0]
    spec = FeatureSpec(SCHEMA, exclude=["number", "count"], impute={"city": Impute(strategy, value)})
    spec.adapt(dataset())
    tokens = np.array([None, *vocabulary(spec)])
    assert sorted(tokens[1:]) == sorted(set(expected))
    np.testing.assert_array_equal(tokens[outputs(spec)["city"]], expected)


def test_class_indices_and_bins():
    """Tests layers that follow the imputation: a lookup of integers, and bins of equal size."""
    choices = {"count": Lookup(), "bin": Bucketize(4, feature="number")}
    spec = FeatureSpec(SCHEMA, choices, ["number", "city"], {"number": Impute("median"), "count": EXACT["count"]})
    spec.adapt(dataset())
    found = outputs(spec)
    filled = SimpleImputer(strategy="median").fit_transform(EXAMPLES["number"][:, None])
    bins = KBinsDiscretizer(4, encode="ordinal", quantile_method="linear").fit_transform(filled)
    np.testing.assert_array_equal(found["bin"], bins[:, 0])
    counts = SimpleImputer(strategy="most_frequent").fit_transform(COUNTS[:, None])[:, 0]
    np.testing.assert_array_equal(np.array([-1, *vocabulary(spec)])[found["count"]], counts)


def test_default_marks_missing_values():
    """Tests another default than NaN: it is a value like any other, unless the feature is imputed."""
    schema = Schema({"x": Feature("int64", optional=True, default=-1)})
    examples = {"x": np.array([1, -1, 4])}
    plain = FeatureSpec(schema, {"x": Passthrough()})
    assert outputs(plain, examples)["x"].tolist() == [1, -1, 4]
    spec = FeatureSpec(schema, {"x": Passthrough()}, impute={"x": Impute("mean", add_indicator=True)})
    spec.adapt(dataset(examples))
    assert {name: values.tolist() for name, values in outputs(spec, examples).items()} == {
        "x": [1, 2.5, 4],
        "x_missing": [0, 1, 0],
    }


@pytest.mark.parametrize("batch_size", [7, COUNT])
def test_statistics_do_not_depend_on_batches(batch_size):
    choices = {"bin": Bucketize(3, feature="number")}
    impute = {"number": Impute("median"), **EXACT}
    once = FeatureSpec(SCHEMA, choices, impute=impute)
    once.adapt(dataset())
    twice = FeatureSpec(SCHEMA, choices, impute=impute)
    half = {name: values[: COUNT // 2] for name, values in EXAMPLES.items()}
    rest = {name: values[COUNT // 2 :] for name, values in EXAMPLES.items()}
    twice.adapt(dataset(half, batch_size))
    outputs(twice)
    twice.adapt(dataset(rest, batch_size), reset=False)
    for name, values in outputs(once).items():
        np.testing.assert_allclose(outputs(twice)[name], values, rtol=1e-6, atol=1e-6, err_msg=name)


def test_saved_and_exported_models_impute(tmp_path):
    impute = {"number": Impute("mean", add_indicator=True), "count": Impute("median"), "city": Impute("constant", "?")}
    spec = FeatureSpec(SCHEMA, impute=impute)
    spec.adapt(dataset())
    inputs = spec.inputs()
    model = FeatureModel(inputs, spec.encoder(spec.preprocessing(inputs)))
    model.save(tmp_path / "model.keras")
    batch = {name: tf.constant(values[:9]) for name, values in EXAMPLES.items()}
    expected = model(batch)
    assert np.isfinite(expected).all()
    assert expected.shape == (9, 1 + 1 + 5 + 1)  # number, count, three cities, "?" and the OOV bucket, indicator
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(batch), expected)
    model.export(tmp_path / "exported", verbose=False)
    np.testing.assert_allclose(tf.saved_model.load(str(tmp_path / "exported")).serve(batch), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("impute", "choices", "messages"),
    [
        ({}, {}, ["number must be imputed if it can be missing, got the default nan", "count must be imputed"]),
        ({"numbr": Impute()}, {}, ["impute must contain only features that are preprocessed", "Did you mean number?"]),
        ({"city": Impute("mean")}, {}, ["city must contain numbers to be imputed by mean, got 'string'"]),
        ({"city": Impute("constant", 1)}, {}, ["city must be imputed by a value of dtype string, got 1"]),
        ({"count": Impute("constant", 0.5)}, {}, ["count must be imputed by a value of dtype int64, got 0.5"]),
        ({"count": Impute("mean")}, {"count": Lookup()}, ["count must contain strings or integers to be used with"]),
        (
            {"number": Impute(add_indicator=True)},
            {"number_missing": Bucketize(3, feature="number")},
            ["number_missing must be omitted, as it is the name of the indicator of number"],
        ),
    ],
)
def test_incompatible_imputation(impute, choices, messages):
    with pytest.raises(ValueError, match=" must .*, got ") as error:
        FeatureSpec(SCHEMA, choices, impute=impute)
    assert all(message in str(error.value) for message in messages)


def test_invalid_impute():
    with raises_argument_error("strategy", expected="'mean' or 'median' or 'most_frequent' or 'constant'"):
        Impute("mode")
    with raises_argument_error("fill_value", expected='None unless `strategy` is "constant"'):
        Impute("mean", 3)
    with raises_argument_error("fill_value", expected="a finite number"):
        Impute("constant", np.nan)


def test_only_missing_values():
    spec = FeatureSpec(SCHEMA, exclude=["count", "city"], impute={"number": Impute("mean")})
    with pytest.raises(ValueError, match='number: data must contain values .* Use the strategy "constant"'):
        spec.adapt(dataset({"number": np.full(4, np.nan, "float32")}))
    spec = FeatureSpec(SCHEMA, exclude=["count", "city"], impute={"number": Impute("constant", 3)})
    spec.adapt(dataset({"number": np.full(4, np.nan, "float32")}))
    assert outputs(spec, {"number": np.array([np.nan, 4.0], "float32")})["number"].tolist() == [0, 1]


def test_imputer_of_wrong_type():
    with raises_argument_error("inputs", expected="a tensor of numbers"):
        Imputer(1.0)(tf.constant(["a"]))
