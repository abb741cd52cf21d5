"""Tests of evaluation, predictions and export of the model in a run folder."""

import csv
import os

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tensorsmith.recipes import Predictions, RunRequest, TrainedRun, launch
from tensorsmith.recipes.prediction_files import to_csv, write_predictions
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


def report(config, trainer, data, folder):
    (folder / "report.txt").write_text("a file")
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
        ("a,b,a\n1,2,3\n", "two columns a", "distinct column names"),
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
