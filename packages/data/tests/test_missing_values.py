"""A CSV file with missing values, an invalid number and a missing label, from inference to predictions."""

import json

import keras
import numpy as np
import tensorflow as tf
from sklearn.impute import SimpleImputer

from tensorsmith.data.preprocessing import FeatureModel, FeatureSpec, Impute, Lookup
from tensorsmith.tfrecord import Schema, convert, examples, find_record_files, open_source, review

COUNT = 1000
RNG = np.random.default_rng(0)
AGES = np.where(RNG.random(COUNT) < 0.2, np.nan, RNG.integers(18, 80, COUNT))
INCOMES = RNG.normal(3000, 800, COUNT).round(2)
CHILDREN = RNG.choice(["0", "1", "2", "NA"], COUNT)
CITIES = RNG.choice(["Oslo", "Rome", ""], COUNT)
LABELS = ((np.nan_to_num(AGES) > 45) & (CHILDREN != "NA")).astype(int)
INVALID, UNLABELED = 3, 700


def write(path):
    ages = ["" if np.isnan(age) else int(age) for age in AGES]
    lines = [",".join(map(str, row)) for row in zip(ages, INCOMES, CHILDREN, CITIES, LABELS, strict=True)]
    lines[INVALID] = '40,"1,234.50",0,Rome,0'
    lines[UNLABELED] = "40,2500,0,Rome,"
    path.write_text("\n".join(["age,income,children,city,buys", *lines]))


def test_from_csv_to_predictions(tmp_path):
    write(tmp_path / "people.csv")
    text = review(open_source(tmp_path / "people.csv", missing=["pandas"], numeric_threshold=0.99), required=["buys"])
    schema = Schema.from_yaml(text)
    rejects = tmp_path / "rejects.jsonl"
    done = convert(
        open_source(tmp_path / "people.csv"), tmp_path / "people", name="people", schema=schema, rejects=rejects
    )
    assert (done.rows, done.records, done.rejects) == (COUNT, COUNT - 2, 2)
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(one["line"], one["row"], one["column"]) for one in found] == [
        (INVALID + 2, INVALID + 1, "income"),
        (UNLABELED + 2, UNLABELED + 1, "buys"),
    ]

    schema = Schema.load(tmp_path / "people/schema.yaml")
    dataset = examples(find_record_files([tmp_path / "people"]), schema, batch_size=50)
    batch = dataset.rebatch(COUNT).get_single_element()
    kept = np.delete(np.arange(COUNT), [INVALID, UNLABELED])
    np.testing.assert_array_equal(batch["age"], AGES[kept])
    np.testing.assert_array_equal(np.isnan(batch["children"]), CHILDREN[kept] == "NA")
    np.testing.assert_array_equal(batch["city"].numpy().astype(str), CITIES[kept])
    assert batch["buys"].dtype == tf.int64

    impute = {
        "age": Impute("median", add_indicator=True),
        "children": Impute("constant", 9),
        "city": Impute("most_frequent"),
    }
    spec = FeatureSpec(schema, {"children": Lookup()}, exclude=["buys"], impute=impute)
    spec.adapt(dataset)
    prepared = spec.preprocessing(batch)
    filled = SimpleImputer(strategy="median").fit_transform(AGES[kept, None])
    np.testing.assert_allclose(prepared["age"], (filled - filled.mean()) / filled.std(), rtol=1e-5, atol=1e-6)

    keras.utils.set_random_seed(0)
    inputs = spec.inputs()
    hidden = keras.layers.Dense(16, activation="relu")(spec.encoder(spec.preprocessing(inputs)))
    model = FeatureModel(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    model.fit(dataset.map(lambda row: (row, row["buys"])), epochs=10, shuffle=False, verbose=0)
    predictions = model.predict(dataset, verbose=0)[:, 0]
    assert np.mean((predictions > 0.5) == LABELS[kept]) > 0.95
    one = {"age": [60.0, np.nan], "income": [2000.0, 2500.0], "children": [1.0, np.nan], "city": ["Rome", ""]}
    yes, no = model.predict({name: tf.constant(values) for name, values in one.items()}, verbose=0)[:, 0]
    assert yes > 0.5 > no
