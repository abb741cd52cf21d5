"""Tests of evaluation, predictions and export of the model in a run folder."""

import contextlib
import csv
import gzip
import os
import re

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tensorsmith.core import UnreadableFileError
from tensorsmith.recipes import Predictions, RunRequest, TrainedRun, launch
from tensorsmith.recipes.prediction_files import read_inputs, to_csv, write_predictions
from tensorsmith.testing import raises_argument_error

RECIPE = '''
"""Regression with one input of numbers, or with an input of numbers and one of strings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    epochs: int = 2  # passes over the examples
    batch_size: int = 8  # examples per step
    named: bool = False  # whether the inputs are the columns age and city
    seed: int = 0  # of the examples


def build_data(config):
    import numpy as np
    import tensorflow as tf

    x = np.random.normal(size=(48, 3)).astype("float32")  # with the seed of the run
    y = x.sum(axis=1, keepdims=True)
    if config.named:
        x = {"age": x[:, :1], "city": tf.constant([["Rome"], ["Oslo"]] * 24)}
        whole = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
        return {"train": whole.take(4), "test": whole.skip(4)}
    return {"train": (x[:32], y[:32]), "validation": (x[32:40], y[32:40]), "test": (x[40:], y[40:])}


def build_trainer(config):
    import keras
    from tensorsmith.training import Trainer

    if config.named:
        age, city = keras.Input((1,), name="age"), keras.Input((1,), name="city", dtype="string")
        code = keras.layers.StringLookup(vocabulary=["Rome", "Oslo"], output_mode="one_hot")(city)
        model = keras.Model({"age": age, "city": city}, keras.layers.Dense(1)(keras.layers.Concatenate()([age, code])))
    else:
        parts = [keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.BatchNormalization()]
        model = keras.Sequential([*parts, keras.layers.Dense(1)])
    return Trainer(model, "sgd", "mse", metrics=["mae"], jit=False)


def report(config, run, trainer, data):
    (run.folder / "report.txt").write_text("a file")
    return {"test": {"weights": float(sum(weights.sum() for weights in trainer.model.get_weights()))}}
'''


def run(folder, *flags):
    (folder / "recipe.py").write_text(RECIPE)
    return launch(RunRequest(str(folder / "recipe.py"), flags, out=folder / "run"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    metrics = run(folder).metrics
    return TrainedRun(folder / "run", trust=True), metrics


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    folder = tmp_path_factory.mktemp("named")
    run(folder, "--named", "true")
    return TrainedRun(folder / "run", trust=True)


def test_evaluation_repeats_the_scores(trained):
    model, metrics = trained
    scores = model.evaluate()
    assert scores.keys() == {"validation", "test"}
    for split, values in scores.items():
        assert values == pytest.approx(metrics[split], rel=1e-6)


def test_evaluation_of_a_file(trained, tmp_path):
    x = np.ones((5, 3), "float32")
    y = np.arange(5.0)[:, None]
    np.savez(tmp_path / "data.npz", x=x, y=y)
    expected = np.mean(np.abs(trained[0].load_model().predict(x, verbose=0) - y))
    assert trained[0].evaluate(tmp_path / "data.npz")["data"]["mae"] == pytest.approx(expected, rel=1e-5)
    np.savez(tmp_path / "other.npz", features=x)
    with raises_argument_error("data", received="features", expected="a file with the arrays x, y"):
        trained[0].evaluate(tmp_path / "other.npz")


@pytest.mark.parametrize("shape", [(), (5, 2), (5, 1, 1), (5, 0)])
def test_targets_of_another_shape(trained, tmp_path, shape):
    np.savez(tmp_path / "data.npz", x=np.ones((5, 3), "float32"), y=np.ones(shape))
    given = re.escape(str(shape))
    expected = rf"shape of y must be the same as in the data of the recipe, \(examples, 1\), got {given} in"
    with pytest.raises(UnreadableFileError, match=expected):
        trained[0].evaluate(tmp_path / "data.npz")


def test_weights_of_another_shape(trained, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.ones((5, 3), "float32"), y=np.ones(5), sample_weight=np.ones((5, 2, 2)))
    with pytest.raises(UnreadableFileError, match="data must be a file whose arrays match the model, its loss and its"):
        trained[0].evaluate(tmp_path / "data.npz")


def test_predictions_for_numbers(trained, tmp_path):
    x = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    expected = keras.saving.load_model(trained[0].folder.path / "model.keras").predict(x, verbose=0)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    np.savetxt(tmp_path / "x.csv", x, delimiter=",", header="a,b,c", comments="")
    for name in ("x.npy", "x.npz", "x.csv"):
        np.testing.assert_allclose(trained[0].predict(tmp_path / name), expected, rtol=1e-5)


@pytest.mark.slow  # exports two models
def test_best_model(trained, tmp_path):
    with raises_argument_error("run", received="without best.keras", remedy="train with `--save-best METRIC`"):
        TrainedRun(trained[0].folder.path, "best", trust=True)
    with raises_argument_error("model", received="'last'", expected="final or best"):
        TrainedRun(trained[0].folder.path, "last")
    (tmp_path / "recipe.py").write_text(RECIPE.replace('"sgd"', "keras.optimizers.SGD(-0.01)"))  # becomes worse
    settings = {"save_best": "val_loss"}
    launch(RunRequest(str(tmp_path / "recipe.py"), out=tmp_path / "run", settings=settings))
    losses = history_of(tmp_path / "run", "val_loss")
    assert losses[0] < losses[1]
    for model, loss in (("best", losses[0]), ("final", losses[1])):
        run = TrainedRun(tmp_path / "run", model, trust=True)
        assert run.evaluate()["validation"]["loss"] == pytest.approx(loss, rel=1e-5)
        run.export(tmp_path / model)
        exported = tf.saved_model.load(tmp_path / model)
        expected = run.load_model().predict(np.ones((1, 3)), verbose=0)
        np.testing.assert_allclose(exported.serve(np.ones((1, 3), "float32")), expected, rtol=1e-5)


def history_of(folder, name):
    with (folder / "history.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def test_residuals(trained):
    evaluation = trained[0].evaluate_in_detail()
    splits = trained[0].file.recipe.build_data(trained[0].config)
    assert evaluation.split == "test"
    assert len(evaluation.report.targets) == len(splits["test"][1])
    assert np.mean(np.abs(evaluation.report.errors)) == pytest.approx(evaluation.scores["test"]["mae"], rel=1e-5)
    path = trained[0].plot_report(evaluation)
    assert path == trained[0].folder.path / "test_residuals.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_predictions_for_named_columns(named, tmp_path):
    columns = {"id": [1, 2, 3], "city": ["Oslo", "Rome", "Bonn"], "age": [0.5, 1.5, -2.0]}
    inputs = {"age": tf.constant(columns["age"])[:, None], "city": tf.constant(columns["city"])[:, None]}
    expected = named.load_model().predict(inputs, verbose=0)
    (tmp_path / "table.csv").write_text("id,city,age\n1,Oslo,0.5\n2,Rome,1.5\n3,Bonn,-2.0\n")
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    for name in ("table.csv", "table.parquet"):
        np.testing.assert_allclose(named.predict(tmp_path / name), expected, rtol=1e-5)
    (tmp_path / "less.csv").write_text("id,age\n1,0.5\n")
    with raises_argument_error("input", received="with the columns id, age", expected="the inputs age, city"):
        named.predict(tmp_path / "less.csv")


def example(**features):
    """Returns a serialized `tf.train.Example`."""
    made = {}
    for name, values in features.items():
        if isinstance(values[0], bytes):
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], int):
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def write_records(folder, records, schema):
    (folder / "schema.yaml").write_text(schema)
    with tf.io.TFRecordWriter(str(folder / "data.tfrecord")) as writer:
        for record in records:
            writer.write(record)
    return folder / "data.tfrecord"


COLUMNS = "features: {age: {dtype: float32, shape: [1]}, city: {dtype: string, shape: [1]}}"
GOOD = example(age=[1.0], city=[b"Rome"])


@pytest.mark.parametrize(
    ("records", "schema", "problem"),
    [
        ([GOOD, example(age=[1.0])], COLUMNS, r"record at byte \d+: feature `city`: it is missing"),
        ([example(age=[b"1"], city=[b"Rome"])], COLUMNS, "feature `age`: got bytes, expected float"),
        ([example(age=[1], city=[b"Rome"])], COLUMNS, "feature `age`: got int64, expected float"),
        ([example(age=[1.0], city=[1.0])], COLUMNS, "feature `city`: got float, expected bytes"),
        ([example(age=[1.0, 2.0], city=[b"Rome"])], COLUMNS, "feature `age`: got 2 values, expected 1"),
        ([b"not an example"], COLUMNS, "not a tf.train.Example"),
        ([b""], COLUMNS, "feature `age`: it is missing"),
        ([], COLUMNS, "data.tfrecord without records"),
        ([GOOD], COLUMNS.replace("string", "float32"), "strings of the shape .* with float32 values"),
        ([GOOD], COLUMNS.replace("float32", "complex64"), "numbers of the shape .* with complex64 values"),
        ([GOOD], COLUMNS.replace("float32", "string"), "numbers of the shape .* with string values"),
        ([GOOD], COLUMNS.replace("[1]}, c", "[2]}, c"), r"numbers of the shape \(1,\) .* of the shape \(2,\)"),
        ([GOOD], COLUMNS.replace("[1]}, c", "[1], sequence: true}, c"), "age must be a feature of tf.train.Example"),
        ([GOOD], COLUMNS.replace("city", "town"), "got .* with the features age, town"),
        ([GOOD], "features: [", "The schema is not valid YAML"),
        ([example(age=[b"123"], city=[b"Rome"])], COLUMNS.replace("[1]}, c", "[1], encoding: raw}, c"), "DecodeRaw"),
        (
            [example(city=[b"Rome"]), GOOD],
            COLUMNS.replace("[1]}, c", "[1], optional: true}, c"),
            r"match the model and, for TFRecord files, schema\.yaml, got .*data\.tfrecord",
        ),
    ],
)
def test_records_that_do_not_match(named, tmp_path, records, schema, problem):
    path = write_records(tmp_path, records, schema)
    with pytest.raises(ValueError, match=problem) as raised:
        named.predict(path)
    assert "\n" not in str(raised.value)


def test_damaged_records(named, tmp_path):
    path = write_records(tmp_path, [GOOD, GOOD], COLUMNS)
    assert named.predict(path).shape == (2, 1)
    whole = path.read_bytes()
    problems = {
        "truncated": (whole[:-5], "record 1, at byte 53: the file is truncated"),
        "length": (whole[: len(whole) // 2] + b"123", "the file is truncated: its length is missing"),
        "flipped": (whole[:20] + bytes([whole[20] ^ 255]) + whole[21:], "record at byte 0: its data are damaged"),
        "text": (b"age,city\n1,Rome\n", "is it a TFRecord file"),
        "gzip": (gzip.compress(whole), "uncompressed TFRecord files, got .*data.tfrecord. Decompress"),
    }
    for content, problem in problems.values():
        path.write_bytes(content)
        with pytest.raises((ValueError, OSError), match=problem):
            named.predict(path)


IMAGES = "features: {image: {dtype: uint8, shape: [4, 4, 1], encoding: png}}"


def png(*shape):
    return tf.io.encode_png(np.zeros(shape, "uint8")).numpy()


@pytest.mark.parametrize(
    ("values", "schema", "problem"),
    [
        ([png(5, 4, 1)], IMAGES, r"\[5,4,1\] is not compatible"),
        ([png(4, 4, 1)[:-20]], IMAGES, "Invalid PNG data"),
        ([b"text"], IMAGES, "Unknown image file format"),
        ([b""], IMAGES, "Input is empty"),
        ([png(4, 4, 1)] * 2, IMAGES, "feature `image`: got 2 values, expected 1"),
        ([1, 2], IMAGES, "feature `image`: got int64, expected bytes"),
        ([png(4, 4, 1)], IMAGES.replace("png", "png, optional: true"), "or with one image, got"),
        ([png(4, 4, 3)], IMAGES, ""),  # converted to one channel
        ([png(9, 7, 3)], IMAGES.replace("[4, 4, 1]", "[null, null, null]"), ""),  # and resized
    ],
)
def test_records_of_images(trained, tmp_path, monkeypatch, values, schema, problem):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    monkeypatch.setattr(TrainedRun, "load_model", lambda run: model)
    path = write_records(tmp_path, [example(image=values)], schema)
    with pytest.raises(ValueError, match=problem) if problem else contextlib.nullcontext():
        assert trained[0].predict(path).shape == (1, 16)


def test_features_that_are_no_columns(trained, tmp_path):
    schema = "features: {a: {dtype: float32}, b: {dtype: string}, c: {dtype: float32}}"
    path = write_records(tmp_path, [example(a=[1.0], b=[b"x"], c=[1.0])], schema)
    with raises_argument_error("input", received="data.tfrecord, whose feature b is not", expected="single numbers"):
        read_inputs(path, trained[0].load_model(), ("a", "b", "c"))
    schema = "features: {a: {dtype: float32}, c: {dtype: float32}}"
    path = write_records(tmp_path, [example(a=[1.0], c=[1.0])], schema)
    with raises_argument_error("input", received="float32 values of the shape (2,)", expected="of the shape (3,)"):
        read_inputs(path, trained[0].load_model(), ("a", "c"))


def test_files_of_predictions(tmp_path):
    several = Predictions({"main": np.array([[1.5], [2.5]]), "aux": np.array([[1, 2], [3, 4]])})
    assert to_csv(several) == "main,aux_0,aux_1\n1.5,1,2\n2.5,3,4\n"
    for name in ("a.csv", "a.npz"):
        write_predictions(several, tmp_path / name)
    assert np.genfromtxt(tmp_path / "a.csv", delimiter=",", names=True)["aux_1"].tolist() == [2, 4]
    assert np.load(tmp_path / "a.npz")["aux"].tolist() == [[1, 2], [3, 4]]
    images = Predictions(np.zeros((2, 3, 4)))
    write_predictions(images, tmp_path / "b.npy")
    assert np.load(tmp_path / "b.npy").shape == (2, 3, 4)
    for predictions, name in ((several, "c.npy"), (several, "c.txt"), (images, "c.csv")):
        with pytest.raises(ValueError, match=r"must be"):
            write_predictions(predictions, tmp_path / name)
        assert not list(tmp_path.glob("*c.*"))


@pytest.mark.parametrize(
    ("outputs", "classes", "text"),
    [
        ([[0.75, 0.25], [0.5, 0.5]], ("cat", "dog"), "cat,dog,predicted\n0.75,0.25,cat\n0.5,0.5,cat\n"),
        ([[0.75], [0.25]], ("no", "yes"), "yes,predicted\n0.75,yes\n0.25,no\n"),
        ([[0.75], [0.25]], ("a", "b", "c"), "prediction\n0.75\n0.25\n"),
    ],
)
def test_predictions_by_class(outputs, classes, text):
    assert to_csv(Predictions(np.array(outputs), classes)) == text
    with_files = to_csv(Predictions(np.array(outputs), classes, ("1.png", "2.png"))).splitlines()
    assert [line.partition(",")[0] for line in with_files] == ["file", "1.png", "2.png"]


def test_export(trained, tmp_path):
    x = np.random.default_rng(2).normal(size=(1, 3)).astype("float32")
    expected = trained[0].load_model().predict(x, verbose=0)
    trained[0].export(tmp_path / "model", tflite=True)
    exported = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(exported.serve(x), expected, rtol=1e-5)
    runner = Interpreter(str(tmp_path / "model/model.tflite")).get_signature_runner()
    (output,) = runner(**dict.fromkeys(runner.get_input_details(), x)).values()
    np.testing.assert_allclose(output, expected, rtol=1e-5)
    with raises_argument_error("folder", expected="an empty or new folder"):
        trained[0].export(tmp_path / "model")


def test_unsupported_tflite_export(tmp_path):
    """Tests that nothing is written if TFLite does not support the model."""
    (tmp_path / "recipe.py").write_text(RECIPE)
    launch(RunRequest(str(tmp_path / "recipe.py"), out=tmp_path / "run", settings={"precision": "mixed_bfloat16"}))
    with raises_argument_error("--tflite", received="mixed_bfloat16", expected="a model that TFLite supports"):
        TrainedRun(tmp_path / "run", trust=True).export(tmp_path / "model", tflite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.py", "run"]


def test_inputs_with_missing_values(trained, tmp_path):
    """ReLU turns NaN into 0, so that predictions for NaN would look valid."""
    (tmp_path / "x.csv").write_text("a,b,c\n1,2,3\nNA,2,3\n1,,3\n")
    with raises_argument_error("input", received="in 2 examples, first in example 2", expected="finite"):
        trained[0].predict(tmp_path / "x.csv")


def test_named_pipe(trained, tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    with raises_argument_error("input", received="x.csv, a named pipe"):
        trained[0].predict(tmp_path / "x.csv")


def test_arrays_without_examples(trained, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((0, 3), "float32"))
    with raises_argument_error("input", received="shape (0, 3)"):
        trained[0].predict(tmp_path / "x.npy")
    np.savez(tmp_path / "y.npz", y=np.zeros((2, 3), "float32"))
    with raises_argument_error("input", received="with the arrays y", expected="a file with the array x"):
        trained[0].predict(tmp_path / "y.npz")
    np.savez(tmp_path / "xy.npz", x=np.zeros((2, 3), "float32"), y=np.zeros(2))
    assert trained[0].predict(tmp_path / "xy.npz").shape == (2, 1)


@pytest.mark.parametrize(
    ("content", "received", "expected"),
    [
        ("1,2,3\n4,5,6\n", "without column names", "a table with column names"),
        ("a,b,a\n1,2,3\n", "x.csv", "a readable table"),
        ("a,b,c\n1,2,x\n", "the column c", "a table of numbers"),
        ("a,b\n1,2\n", "shape (1, 2)", "an array of shape (examples, 3)"),
    ],
)
def test_unsuitable_tables(trained, tmp_path, content, received, expected):
    (tmp_path / "x.csv").write_text(content)
    with raises_argument_error("input", received=received, expected=expected):
        trained[0].predict(tmp_path / "x.csv")


def test_folders_without_a_trained_model(trained, tmp_path):
    with raises_argument_error("run", expected="a run folder, which contains config.yaml"):
        TrainedRun(tmp_path)
    config = (trained[0].folder.path / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(config)
    with raises_argument_error("run", received="without model.keras", remedy=f"--out {tmp_path} --resume`"):
        TrainedRun(tmp_path, trust=True)
