"""The first hour of a new user, with the wheels of `make dist` in an empty environment, outside of the checkout."""

import base64
import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from wheels import FOLDERS, LOCKED, TENSORFLOW, build_dist, uv

pytestmark = pytest.mark.slow

PEOPLE = '''"""Purchases of people, from a table with missing values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Recipe settings."""

    epochs: int = 8  # passes over the training set
    batch_size: int = 50  # examples per step
    seed: int = 0  # random seed of initial weights


def rows():
    """Returns the schema and batches of examples."""
    from tensorsmith.tfrecord import Schema, examples, find_record_files

    schema = Schema.load("people/schema.yaml")
    return schema, examples(find_record_files(["people"]), schema, batch_size=50)


def build_data(config):
    """Returns batches of features and labels."""
    _, batches = rows()
    pairs = batches.map(lambda row: ({name: row[name] for name in ("age", "income", "city")}, row["buys"]))
    return {"train": pairs.skip(4), "validation": pairs.take(4)}


def build_trainer(config):
    """Returns a trainer of a small network on imputed and encoded features."""
    import keras

    from tensorsmith.data.preprocessing import FeatureModel, FeatureSpec, Impute
    from tensorsmith.training import Trainer

    schema, batches = rows()
    impute = {"age": Impute("median", add_indicator=True), "city": Impute("constant", "unknown")}
    spec = FeatureSpec(schema, exclude=["buys"], impute=impute)
    spec.adapt(batches)
    inputs = spec.inputs()
    hidden = keras.layers.Dense(16, "relu")(spec.encoder(spec.preprocessing(inputs)))
    model = FeatureModel(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    return Trainer(model, keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"], jit=False)
'''

LOAD_WITHOUT_TENSORSMITH = """
import sys

sys.modules["tensorsmith"] = None  # any import of tensorsmith fails
import numpy as np
import tensorflow as tf

model = tf.saved_model.load("exported")
np.save("exported.npy", model.serve(np.load("x.npy")).numpy())
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Folder in which `make dist` has built all distributions."""
    folder = tmp_path_factory.mktemp("dist")
    build_dist(folder)
    return folder


@pytest.fixture(scope="module")
def environment(dist, tmp_path_factory):
    """Empty environment in which `tensorsmith[all]` is installed from the wheels of `make dist`."""
    folder = tmp_path_factory.mktemp("installed")
    uv("venv", "--python", sys.executable, "environment", cwd=folder)
    flags = ["--python", "environment", "--find-links", dist, *LOCKED]
    uv("pip", "install", *flags, "tensorsmith[all]", TENSORFLOW, cwd=folder)
    return folder / "environment"


@pytest.fixture(scope="module")
def user(environment, tmp_path_factory):
    """Function that runs a program of the environment in the folder of a user, and the folder."""
    folder = tmp_path_factory.mktemp("user")
    # The first command writes bytecode, which later ones use.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def call(program, *arguments):
        command = [environment / "bin" / program, *map(str, arguments)]
        result = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr

    call.folder = folder
    call.bin = environment / "bin"
    return call


def test_make_dist_builds_all_distributions(dist):
    names = {"tensorsmith", "tensorsmith_tools", *(f"tensorsmith_{Path(folder).name}" for folder in FOLDERS)}
    wheels = {name: (wheel, tag) for wheel in dist.glob("*.whl") for name, _, tag in [wheel.stem.split("-", 2)]}
    assert wheels.keys() == {path.name.split("-")[0] for path in dist.glob("*.tar.gz")} == names
    for name, (wheel, tag) in wheels.items():
        held = zipfile.ZipFile(wheel).namelist()
        libraries = [path for path in held if ".so" in path]
        if name in ("tensorsmith_ops", "tensorsmith_records"):
            short = name.removeprefix("tensorsmith_")
            assert libraries == [f"tensorsmith/{short}/libtensorsmith_{short}.so"]  # without TensorFlow's library
            assert re.fullmatch(r"py3-none-(manylinux_\d+_\d+|linux)_\w+", tag)
        else:
            assert (libraries, tag) == ([], "py3-none-any")
        assert "tensorsmith/__init__.py" not in held


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--version"], "tensorsmith 0"), (["doctor"], "none known"), (["tfrecord", "--help"], "TFRecord")],
)
def test_installation(user, arguments, said):
    assert said in user("tensorsmith", *arguments)


def epochs_in(history):
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0


def test_train_kill_resume_and_use(user):
    run = user.folder / "run"
    command = [user.bin / "tensorsmith", "run", "mlp/digits", "--epochs", "100000", "--checkpoint-every", "5 epochs"]
    process = subprocess.Popen([*command, "--out", run], cwd=user.folder, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while epochs_in(run / "history.csv") < 20 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = epochs_in(run / "history.csv")
    assert killed >= 20

    said = user("tensorsmith", "run", "mlp/digits", "--out", run, "--resume", "--epochs", killed + 5)
    assert re.search(rf"Resuming .*/run at epoch \d+ of {killed + 5}", said)
    metrics = json.loads((run / "metrics.json").read_text())
    assert epochs_in(run / "history.csv") == killed + 5

    assert f"{metrics['test']['accuracy']:.4f}" in user("tensorsmith", "evaluate", run)
    np.save(user.folder / "x.npy", np.random.default_rng(0).uniform(size=(3, 8, 8)).astype("float32"))
    user("tensorsmith", "predict", run, "--input", "x.npy", "--out", "predicted.npy")
    user("tensorsmith", "export", run, "exported")
    user("python", "-c", LOAD_WITHOUT_TENSORSMITH)
    predicted, exported = (np.load(user.folder / name) for name in ("predicted.npy", "exported.npy"))
    np.testing.assert_allclose(exported, predicted, rtol=1e-5, atol=1e-7)


def test_table_with_missing_and_dirty_cells(user):
    generator = random.Random(0)
    lines = ["age,income,city,buys"]
    for number in range(1000):
        age, income = generator.randint(18, 80), round(generator.gauss(3000, 800), 2)
        city, known = generator.choice(["Oslo", "Rome", ""]), number % 10
        lines.append(f"{age if known else 'NA'},{income},{city},{int(age > 45 and known > 0)}")
    lines[7], lines[9] = '40,"1,234.50",Rome,0', "40,2500,Rome,"
    (user.folder / "people.csv").write_text("\n".join(lines) + "\n")
    (user.folder / "people.py").write_text(PEOPLE)

    flags = ("--numeric-threshold", "0.99", "--required", "buys")
    user("tensorsmith", "tfrecord", "infer", "people.csv", "--missing=pandas", *flags, "--out", "schema.yaml")
    schema = (user.folder / "schema.yaml").read_text()
    assert "age: missing in 100 rows" in schema
    assert "income: numeric except 1 of 1,000 rows (people.csv, line 8: '1,234.50')" in schema
    converted = ("people.csv", "people", "--schema", "schema.yaml", "--rejects", "rejects.jsonl")
    said = user("tensorsmith", "tfrecord", "convert", *converted, *flags)
    assert "Read 1,000 rows: 998 written, 2 rejected" in said
    rejects = [json.loads(line) for line in (user.folder / "rejects.jsonl").read_text().splitlines()]
    assert [(reject["line"], reject["row"]) for reject in rejects] == [(8, 7), (10, 9)]

    user("tensorsmith", "run", "people.py", "--out", "people-run")
    metrics = json.loads((user.folder / "people-run" / "metrics.json").read_text())
    assert metrics["validation"]["accuracy"] > 0.95  # a constant prediction has an accuracy of about 0.5
    (user.folder / "new.csv").write_text("age,income,city\n75,3000,Oslo\nNA,3000,\n20,2000,Rome\n")
    user("tensorsmith", "predict", "people-run", "--input", "new.csv", "--out", "new-predicted.csv")
    with (user.folder / "new-predicted.csv").open() as file:
        buys = [float(row["prediction"]) > 0.5 for row in csv.DictReader(file)]
    assert buys == [True, False, False]


def test_folder_of_images_of_several_sizes(user):
    for number, size in enumerate([(20, 30), (30, 20), (64, 64), (16, 48)]):
        path = user.folder / "flowers" / ("rose" if number % 2 else "tulip") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (60 * number, 100, 200)).save(path)
    (user.folder / "flowers" / "rose" / "notes.txt").write_text("no image")
    said = user("tensorsmith", "tfrecord", "convert", "flowers", "flower-records", "--resize", "16,16")
    assert "4 written" in said
    assert "notes.txt" in said
    lines = user("tensorsmith", "tfrecord", "cat", "flower-records", "--json").splitlines()
    images = [base64.b64decode(json.loads(line)["image"][0]["base64"]) for line in lines if line.startswith("{")]
    assert [Image.open(io.BytesIO(image)).size for image in images] == [(16, 16)] * 4


def test_photos_and_a_table_without_code(user):
    """A recipe is trained on the files of the user, and its predictions have the names of the classes."""
    generator = np.random.default_rng(0)
    for name, level in (("day", 200), ("night", 30)):
        for number in range(10):
            path = user.folder / "photos" / name / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = generator.normal(level, 10, (*generator.integers(20, 60, 2), 3)).clip(0, 255).astype("uint8")
            Image.fromarray(pixels).save(path)
    flags = ("--data", "photos", "--save-best", "val_loss")
    said = user("tensorsmith", "run", "mlp/digits", *flags, "--out", "photos-run")
    assert "photos-run/best.keras" in said
    said = user("tensorsmith", "evaluate", "photos-run", "--model", "best")
    assert re.search(r"night .* 1\.0000 .* 2 ", said)
    assert (user.folder / said.splitlines()[-1]).exists()
    user("tensorsmith", "predict", "photos-run", "--input", "photos", "--out", "photos-predicted.csv")
    with (user.folder / "photos-predicted.csv").open() as file:
        assert all(f"/{row['predicted']}/" in row["file"] for row in csv.DictReader(file))
    rows = "".join(f"{number % 17},{number % 5},{number % 17 - number % 5}\n" for number in range(300))
    (user.folder / "differences.csv").write_text(f"first,second,difference\n{rows}")
    user("tensorsmith", "run", "mlp/california", "--data", "differences.csv", "--epochs", "20", "--out", "table-run")
    assert "table-run/test_residuals.png" in user("tensorsmith", "evaluate", "table-run")


def test_new_recipe_and_search(user):
    user("tensorsmith", "new", "recipe", "mlp/mine")
    user("tensorsmith", "run", "mlp/mine.py", "--smoke", "--out", "mine")
    assert (user.folder / "mine" / "model.keras").exists()
    user("tensorsmith", "tune", "mlp/mine.py", "--smoke", "--trials", "2", "--out", "search")
    assert sorted(path.name for path in (user.folder / "search/best").iterdir()) == ["1.yaml", "2.yaml"]
