"""Dates and times in feature specs, compared with `datetime`, and the warning about one-hot vectors of many strings."""

import datetime
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.preprocessing import Calendar, CalendarPart, Cross, DaysSince, FeatureSpec, Hash, Impute, Lookup
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import Feature, Schema, convert, examples, find_record_files, open_source

EPOCH = datetime.datetime(1970, 1, 1)
RNG = np.random.default_rng(0)
SECONDS = np.concatenate([RNG.integers(-(10**11) // 2, 10**11, 3000), [0, -1, 86_399, 86_400, -86_400, 951_782_400]])
MOMENTS = [EPOCH + datetime.timedelta(seconds=int(second)) for second in SECONDS]
DAYS = np.array([(moment - EPOCH).days for moment in MOMENTS])
PARTS = {
    "month": [moment.month - 1 for moment in MOMENTS],
    "day": [moment.day - 1 for moment in MOMENTS],
    "weekday": [moment.weekday() for moment in MOMENTS],
    "hour": [moment.hour for moment in MOMENTS],
}
SCHEMA = Schema(
    {
        "born": Feature("int64", format="date"),
        "seen": Feature("int64", format="datetime"),
        "opens": Feature("int64", format="time"),
    }
)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_parts_match_datetime(part, dtype):
    """Tests dates from the years 386 to 5138, including leap days."""
    found = CalendarPart(part, unit="seconds")(SECONDS.astype(dtype))
    np.testing.assert_array_equal(found, PARTS[part])
    if part != "hour":
        np.testing.assert_array_equal(CalendarPart(part)(DAYS.astype(dtype)), PARTS[part])
    vectors = CalendarPart(part, unit="seconds", output="one_hot")(SECONDS[:, None])
    np.testing.assert_array_equal(np.argmax(vectors, axis=-1), PARTS[part])


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_feature_spec_of_dates(policy):
    keras.config.set_dtype_policy(policy)
    choices = {
        "born": DaysSince("2000-01-01"),
        "month": Calendar("month", feature="born"),
        "weekday": Calendar("weekday", feature="seen"),
        "hour": Calendar("hour", feature="seen", embed=2),
        "since": DaysSince("2020-02-29", feature="seen"),
        "opening": Calendar("hour", feature="opens"),
        "when": Cross(("weekday", "hour"), 50),
    }
    try:
        spec = FeatureSpec(SCHEMA, choices)
        dataset = tf.data.Dataset.from_tensor_slices({"born": DAYS, "seen": SECONDS, "opens": SECONDS % 86_400})
        spec.adapt(dataset.batch(500))
        (batch,) = dataset.batch(len(DAYS))
        found = {name: np.ravel(tensor) for name, tensor in spec.preprocessing(batch).items()}
        np.testing.assert_array_equal(found["month"], PARTS["month"])
        np.testing.assert_array_equal(found["weekday"], PARTS["weekday"])
        np.testing.assert_array_equal(found["hour"], PARTS["hour"])
        np.testing.assert_array_equal(found["opening"], PARTS["hour"])
        days = (datetime.datetime(2000, 1, 1) - EPOCH).days
        np.testing.assert_array_equal(found["born"], (DAYS - days).astype("float32"))
        days = (datetime.datetime(2020, 2, 29) - EPOCH).days
        np.testing.assert_allclose(found["since"], (SECONDS / 86_400 - days).astype("float32"), rtol=1e-6)
        for feature in ("seen", "opens"):  # standardized by default
            assert np.abs(found[feature].mean()) < 1e-3
        assert spec.encoder(spec.preprocessing(batch)).shape == (len(DAYS), 1 + 12 + 7 + 2 + 1 + 24 + 50 + 2)
    finally:
        keras.config.set_dtype_policy("float32")


def test_dates_are_saved_with_the_model(tmp_path):
    spec = FeatureSpec(SCHEMA, {"born": Calendar("month"), "seen": Calendar("hour")}, exclude=["opens"])
    model = spec.preprocessing
    model.save(tmp_path / "model.keras")
    batch = {"born": tf.constant(DAYS), "seen": tf.constant(SECONDS)}
    found = keras.models.load_model(tmp_path / "model.keras")(batch)
    np.testing.assert_array_equal(np.ravel(found["born"]), PARTS["month"])
    model.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(tmp_path / "saved").serve(batch)
    np.testing.assert_array_equal(np.ravel(served["seen"]), PARTS["hour"])


def test_missing_dates(tmp_path):
    """Tests the path from a file with missing dates to a batch of a model."""
    lines = ["born,seen", "1999-05-01,2023-01-02 10:30", ",", "1999-05-03,2023-01-02 12:30"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    convert(open_source(tmp_path / "a.csv"), tmp_path / "out", name="x")
    schema = Schema.load(tmp_path / "out" / "schema.yaml")
    dataset = examples(find_record_files([tmp_path / "out"]), schema, 2)
    impute = {"born": Impute("median"), "seen": Impute("most_frequent", add_indicator=True)}
    spec = FeatureSpec(schema, {"born": Calendar("day"), "seen": Calendar("hour")}, impute=impute)
    spec.adapt(dataset)
    found = [spec.preprocessing(batch) for batch in dataset]
    assert np.concatenate([np.ravel(batch["born"]) for batch in found]).tolist() == [0, 1, 2]
    assert np.concatenate([np.ravel(batch["seen"]) for batch in found]).tolist() == [10, 10, 12]


@pytest.mark.parametrize(
    ("choice", "name", "expected"),
    [
        (Calendar("hour"), "born", "contain times, which have a `format` with a time"),
        (Calendar("month"), "opens", "contain dates, which have a `format`"),
        (DaysSince("2020-01-01"), "opens", "contain dates, which have a `format`"),
        (Calendar("month"), "city", "contain dates, which have a `format`"),
        (DaysSince("2020-01-01"), "city", "contain dates, which have a `format`"),
    ],
)
def test_features_without_dates(choice, name, expected):
    schema = Schema({**SCHEMA.features, "city": Feature("string")})
    with pytest.raises(ValueError, match=f"{name} must {expected}"):
        FeatureSpec(schema, {name: choice})


def test_invalid_arguments():
    with raises_argument_error("part", expected="'month' or 'day'", remedy="Did you mean month?"):
        Calendar("months")
    for date in ("1.1.2020", 2020, "2020-02-30"):
        with raises_argument_error("date", expected='a date such as "2024-01-01"'):
            DaysSince(date)


IDS = Schema({"id": Feature("string"), "code": Feature("string"), "city": Feature("string"), "y": Feature("int64")})


def table(count, codes):
    return tf.data.Dataset.from_tensors(
        {
            "id": [f"customer {number}" for number in range(count)],
            "code": [f"code {number % codes}" for number in range(count)],
            "city": ["Oslo", "Rome"] * (count // 2),
            "y": [0] * count,
        }
    )


def test_one_hot_vectors_of_many_strings_are_reported():
    spec = FeatureSpec(IDS, exclude=["y"])
    with pytest.warns(UserWarning, match="will be one-hot encoded") as caught:
        spec.adapt(table(3000, 1200))
    (warning,) = caught
    assert warning.filename == __file__
    message = str(warning.message)
    assert message.startswith(
        "id (3,000 distinct strings in 3,000 examples) and code (1,200 distinct strings in 3,000 examples) will be "
        "one-hot encoded in 4,200 columns. To omit identifiers, pass "
    )
    assert 'pass exclude=["y", "id", "code"]' in message
    assert 'pass choices={"id": Hash(100), "code": Hash(100)}' in message
    for options in (
        {"exclude": ["y", "id", "code"]},
        {"exclude": ["y"], "choices": {"id": Hash(100), "code": Hash(100)}},
        {"exclude": ["y"], "choices": {"id": Lookup(), "code": Lookup(limit=5)}},
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            FeatureSpec(IDS, **options).adapt(table(3000, 1200))


@pytest.mark.parametrize(
    ("count", "codes", "names"),
    [(100, 2, set()), (110, 55, {"id"}), (3000, 1000, {"id"}), (3000, 1001, {"id", "code"})],
)
def test_number_of_strings_that_are_reported(count, codes, names):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FeatureSpec(IDS, exclude=["y"]).adapt(table(count, codes))
    messages = "".join(str(warning.message) for warning in caught)
    assert {name for name in ("id", "code", "city") if f"{name} (" in messages} == names
