"""Tests of recipes that are trained on images and tables of the user, without code, and of predictions for them."""

import csv
import io
import json

import numpy as np
import pytest
import yaml
from PIL import Image

from tensorsmith.recipes import RunFailedError, RunRequest, TrainedRun, launch
from tensorsmith.recipes.prediction_files import to_csv
from tensorsmith.testing import raises_argument_error
from tensorsmith.tfrecord import convert, open_source


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Folder of dark and bright images of several sizes, in color and grayscale."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    generator = np.random.default_rng(0)
    for name, level in (("bright", 200), ("dark", 20), ("medium gray", 110)):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = generator.normal(level, 10, (*generator.integers(10, 40, 2), 3)).clip(0, 255).astype("uint8")
            image = Image.fromarray(pixels).convert("L" if number % 3 == 0 else "RGB")
            image.save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def classifier(photos):
    flags = ["--data", str(photos), "--epochs", "60", "--batch_size", "8", "--learning_rate", "0.03"]
    launch(RunRequest("mlp/digits", [*flags, "--jit", "false"], out=photos.parent / "run"))
    return TrainedRun(photos.parent / "run")


def test_training_on_a_folder_of_images(classifier, photos):
    folder = classifier.folder.path
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] == 1.0
    assert json.loads((folder / "names.json").read_text())["classes"] == ["bright", "dark", "medium gray"]
    evaluation = classifier.evaluate_in_detail()
    assert evaluation.report.names == ("bright", "dark", "medium gray")
    assert evaluation.report.support.tolist() == [4, 4, 4]


def table(predictions):
    return list(csv.DictReader(io.StringIO(to_csv(predictions))))


def test_predictions_for_images(classifier, photos):
    rows = table(classifier.predict_in_detail(photos))
    assert list(rows[0]) == ["file", "bright", "dark", "medium gray", "predicted"]
    assert {row["file"] for row in rows} == set(map(str, photos.rglob("*.png")))
    right = [f"/{row['predicted']}/" in row["file"] for row in rows]
    assert np.mean(right) > 0.9
    (row,) = table(classifier.predict_in_detail(photos / "dark/3.png"))
    assert row["predicted"] == "dark"
    assert float(row["dark"]) > 0.5


@pytest.mark.slow  # converts, and traces a pipeline
def test_predictions_for_records(classifier, photos, tmp_path):
    """Records of images of several sizes and numbers of channels have the predictions of the images."""
    convert(open_source(photos), tmp_path / "records", name="photos", rejects=tmp_path / "rejects.jsonl")
    predictions = classifier.predict_in_detail(tmp_path / "records")
    expected = classifier.predict_in_detail(photos)
    chosen = [row["predicted"] for row in table(predictions)]
    assert np.mean([name == row["predicted"] for name, row in zip(chosen, table(expected), strict=True)]) > 0.95
    (tmp_path / "records/schema.yaml").unlink()
    with raises_argument_error("input", received="without schema.yaml", remedy="tensorsmith tfrecord convert"):
        classifier.predict(tmp_path / "records")


def test_invalid_inputs(classifier, photos, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.png: no such file"):
        classifier.predict(tmp_path / "nowhere.png")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    convert(open_source(tmp_path / "rows.csv"), tmp_path / "rows", name="rows")
    with raises_argument_error("input", received="with the features a, b", expected="or with one image"):
        classifier.predict(tmp_path / "rows")


@pytest.mark.slow  # trains another model
def test_training_on_a_table(tmp_path, monkeypatch):
    """The features are standardized by the model, so that predictions need the values of the file only."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 2)) * [1, 1000] + [5, 0]
    y = x[:, 0] + x[:, 1] / 1000
    lines = [f"{price:.6f},{size:.6f},{age:.6f}" for price, (size, age) in zip(y, x, strict=True)]
    (tmp_path / "houses.csv").write_text("\n".join(["price,size,age", *lines]) + "\n")
    flags = ["--data", "houses.csv", "--target", "price", "--epochs", "40"]
    launch(RunRequest("mlp/california", [*flags, "--jit", "false"], out=tmp_path / "run"))
    stored = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert stored["data"] == str(tmp_path / "houses.csv")  # the run can be evaluated in another folder
    run = TrainedRun(tmp_path / "run")
    (tmp_path / "new.csv").write_text("age,size,price\n1000,6,0\n-500,4,0\n")  # the columns are found by name
    np.testing.assert_allclose(run.predict(tmp_path / "new.csv")[:, 0], [7, 3.5], atol=0.3)
    convert(open_source(tmp_path / "new.csv"), tmp_path / "new", name="new")
    np.testing.assert_allclose(run.predict(tmp_path / "new"), run.predict(tmp_path / "new.csv"), rtol=1e-5)
    assert run.evaluate_in_detail().report.r2 > 0.95
    again = launch(RunRequest("mlp/california", flags, out=tmp_path / "run", resume=True))
    assert again.metrics is None  # the relative path is that of the run


@pytest.mark.parametrize(
    ("recipe", "data", "message"),
    [
        ("mlp/digits", "photo", "name must be one of adult, .* or an existing folder or table, got 'photo'"),
        ("mlp/fashion_mnist", "digits", r"data must be a data set of images of shape \(28, 28\), got digits"),
        ("mlp/california", "digits", "data must be a table of numbers, got 'digits'"),
        ("cnn/fashion_mnist", "california_housing", "got california_housing, a data set of columns"),
    ],
)
def test_unsuitable_data(tmp_path, recipe, data, message):
    with pytest.raises(RunFailedError, match=message):
        launch(RunRequest(recipe, ["--data", data], smoke=True, out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_recipe_that_does_not_read_files(tmp_path):
    with pytest.raises(ValueError, match="omitted .* own data: cnn/fashion_mnist, mlp/adult, mlp/california"):
        launch(RunRequest("mlp/mnist", ["--data", "photos"], out=tmp_path / "run"))
