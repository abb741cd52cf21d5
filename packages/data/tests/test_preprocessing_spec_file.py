"""Tests that a saved feature spec is equal to the original one."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.core import UnreadableFileError
from tensorsmith.data.preprocessing import (
    Bucketize,
    Calendar,
    Cross,
    DaysSince,
    FeatureSpec,
    Hash,
    Impute,
    Lookup,
    Passthrough,
    Standardize,
    Text,
)
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema

RNG = np.random.default_rng(0)
COUNT = 60
EXAMPLES = {
    "age": RNG.gamma(2, 20, COUNT),
    "sizes": RNG.normal([5, 100], [1, 30], (COUNT, 2)).astype("float32"),
    "rooms": RNG.integers(0, 3, COUNT),
    "city": RNG.choice(["Oslo", "Rome", "Æbeltoft"], COUNT).astype(object),
    "text": np.array([" ".join(RNG.choice(["sea", "view", "Ünique"], 4)) for _ in range(COUNT)], dtype=object),
    "seen": RNG.integers(0, 10**9, COUNT),
    "weight": np.where(RNG.random(COUNT) < 0.2, np.nan, RNG.random(COUNT)),
    "price": RNG.random(COUNT).astype("float32"),
}
SCHEMA = Schema(
    {
        "age": Feature("float64"),
        "sizes": Feature("float32", (2,)),
        "rooms": Feature("int64", labels=("one", "two", "many")),
        "city": Feature("string"),
        "text": Feature("string"),
        "seen": Feature("int64", format="%Y-%m-%d %H:%M:%S"),
        "weight": Feature("float64", optional=True, default="nan"),
        "price": Feature("float32"),
    }
)
CHOICES = {
    "age_bin": Bucketize(4, feature="age", embed=2),
    "age_known": Bucketize(boundaries=(20.0, 40.0), feature="age"),
    "city": Lookup(oov_buckets=2, oov="last", limit=2),
    "city_hash": Hash(16, salt=3, feature="city"),
    "text": Text(limit=5, output="tf_idf"),
    "where_and_when": Cross(("city", "rooms", "age_bin"), 12),
    "seen": DaysSince("2000-01-01"),
    "month": Calendar("month", feature="seen"),
    "sizes": Passthrough(),
    "weight": Standardize(),
}


def test_saved_spec_is_equal(tmp_path):
    spec = FeatureSpec(SCHEMA, CHOICES, exclude=["price"], impute={"weight": Impute("median", add_indicator=True)})
    spec.adapt(tf.data.Dataset.from_tensor_slices(EXAMPLES).batch(7))
    spec.save(tmp_path / "spec.json")
    loaded = FeatureSpec.load(tmp_path / "spec.json")
    new = {name: values[:9] for name, values in EXAMPLES.items()}
    new["city"] = np.array(["Oslo", "Paris", "", *new["city"][3:]], dtype=object)
    expected, received = spec.preprocessing(new), loaded.preprocessing(new)
    assert list(received) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(received[name], tensor)
    assert loaded.encoder.count_params() == spec.encoder.count_params()


def test_loaded_spec_continues_to_adapt(tmp_path):
    """Statistics of more data are the same as without the file, also if they are a random sample."""
    numbers = [{"age": RNG.gamma(2, 20, 150_000)} for _ in range(2)]
    schema = Schema({"age": Feature("float64")})
    specs = [FeatureSpec(schema, {"age": Bucketize(50)}, impute={"age": Impute("median")})]
    specs[0].adapt([numbers[0]])
    specs[0].save(tmp_path / "spec")
    specs.append(FeatureSpec.load(tmp_path / "spec"))
    for spec in specs:
        spec.adapt([numbers[1]], reset=False)
    one, other = (spec.preprocessing({"age": np.linspace(0, 100, 5000)})["age"] for spec in specs)
    np.testing.assert_array_equal(one, other)


def test_spec_is_saved_before_it_is_adapted(tmp_path):
    FeatureSpec(Schema({"age": Feature("float64")})).save(tmp_path / "spec")
    with pytest.raises(ValueError, match="have no statistics yet"):
        FeatureSpec.load(tmp_path / "spec").preprocessing  # noqa: B018


@pytest.mark.parametrize("text", ["", "{}", "[" * 100_000, '{"schema": "a"}', "\xff"])
def test_damaged_spec(text, tmp_path):
    (tmp_path / "spec").write_text(text)
    with pytest.raises(UnreadableFileError, match=r"path must be a file of FeatureSpec\.save"):
        FeatureSpec.load(tmp_path / "spec")


def test_size_is_limited(tmp_path, monkeypatch):
    spec = FeatureSpec(Schema({"age": Feature("float64")}), {"age": Passthrough()})
    monkeypatch.setattr("tensorsmith.data.preprocessing.feature_spec.LARGEST_FILE", 10)
    with raises_argument_error("path", expected="at most 10 bytes", remedy="exclude features"):
        spec.save(tmp_path / "spec")
    assert not list(tmp_path.iterdir())
    (tmp_path / "spec").write_text("12345678910")
    with pytest.raises(UnreadableFileError, match=r"got .*spec \(UnreadableFileError: .* at most 10 bytes, got"):
        FeatureSpec.load(tmp_path / "spec")


def test_own_choices_are_not_saved(tmp_path):
    class Mine(Passthrough):
        pass

    with raises_argument_error("choices", expected="one of Bucketize"):
        FeatureSpec(Schema({"age": Feature("float64")}), {"age": Mine()}).save(tmp_path / "spec")
    assert not list(tmp_path.iterdir())
