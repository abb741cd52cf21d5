"""Tests that a recipe prepares once, and that runs share what was prepared if nothing that it depends on differs."""

import json
import os
import re
import shutil
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from tensorsmith.core import UnreadableFileError, load_tensorflow
from tensorsmith.recipes import (
    CompareRequest,
    RecipeRun,
    RunInterruptedError,
    RunRequest,
    TrainedRun,
    compare,
    find_recipe,
    launch,
    prepared_recipe,
)
from tensorsmith.recipes.preparation import Preparation, preparation_folder
from tensorsmith.recipes.prepared_values import load_values, save_values
from tensorsmith.tools.main import main

load_tensorflow()
import keras  # noqa: E402

from tensorsmith.training import Trainer  # noqa: E402

RECIPE = '''"""Student and teacher."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from jsonargparse.typing import PositiveInt

import tensorsmith.tuning as tune
from tensorsmith.data import load_splits
from tensorsmith.recipes import RecipeRun, TrainingSettings
from tensorsmith.training import Trainer


@dataclass(frozen=True)
class Config(TrainingSettings):
    units: PositiveInt = tune.choice([4, 8])  # units of the student
    teacher_epochs: PositiveInt = 2  # epochs of the teacher
    epochs: PositiveInt = 2


SCORE = "test accuracy"
SMOKE = {"epochs": 1}
VARIANTS = {"small": {"units": 4}, "large": {"units": 8}}


def classifier(*hidden: Any) -> Trainer:
    model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10, "softmax")])
    return Trainer(model, "sgd", "sparse_categorical_crossentropy", ["accuracy"], jit=False)


def prepare(config: Config, run: RecipeRun) -> dict[str, Any]:
    with Path(__file__).with_name("calls.txt").open("a") as file:
        file.write("prepare\\n")
    teacher = classifier(keras.layers.Dropout(0.2))
    run.train("teacher", teacher, load_splits("digits"), epochs=config.teacher_epochs)
    second = classifier()  # its initial weights depend on the random state after the training of the teacher
    return {"teacher": teacher.model, "kernel": second.model.layers[-1].get_weights()[0]}


def build_data(config: Config, prepared: dict[str, Any]) -> dict[str, Any]:
    splits = load_splits("digits")
    return {split: (x, prepared["teacher"].call(x).numpy().argmax(axis=1)) for split, (x, _) in splits.items()}


def build_model(config: Config, prepared: dict[str, Any]) -> keras.Model:
    return classifier(keras.layers.Dense(config.units, "relu")).model


def build_trainer(config: Config, prepared: dict[str, Any]) -> Trainer:
    trainer = classifier(keras.layers.Dense(config.units, "relu"))
    trainer.model.layers[-1].kernel.assign(prepared["kernel"][: config.units])
    return trainer
'''
TRAINING = '    run.train("teacher", teacher, load_splits("digits"), epochs=config.teacher_epochs)\n'
UNTRAINED = RECIPE.replace(TRAINING, "    assert config.teacher_epochs\n")
REPORT = """

def report(config: Config, run: RecipeRun, trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    other = classifier()
    result = run.train("other", other, data, epochs=1)
    textbook = classifier().model
    textbook.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    again = run.train("textbook", textbook, {"train": data["train"]}, epochs=2)
    return {"test": {"other": result.history["loss"][-1], "textbook": again.history["loss"][-1]}}
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Path of a recipe that trains a teacher, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "student.py"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def untrained(recipe):
    """Path of a recipe whose teacher has its initial weights, in the current folder."""
    recipe.write_text(UNTRAINED)
    return recipe


@pytest.fixture
def trainings(monkeypatch):
    """List of the calls of `fit`, of Keras and of Trainer."""
    calls = []
    for kind in (Trainer, keras.Model):
        monkeypatch.setattr(kind, "fit", counted(kind.fit, calls))
    return calls


def counted(fit, calls):
    def counted_fit(self, *args, **kwargs):
        calls.append(type(self).__name__)
        return fit(self, *args, **kwargs)

    return counted_fit


def preparations(recipe):
    """Return the number of calls of `prepare`, in all processes."""
    path = recipe.with_name("calls.txt")
    return len(path.read_text().splitlines()) if path.exists() else 0


def result_of(folder):
    weights = keras.saving.load_model(folder / "model.keras").get_weights()
    return (folder / "history.csv").read_text(), [weight.tobytes() for weight in weights]


def test_everything_is_trained_once(recipe, trainings, tmp_path):
    recipe.write_text(RECIPE + REPORT)
    metrics = launch(RunRequest("student.py", out=tmp_path / "run")).metrics
    assert trainings == ["Trainer", "Trainer", "Trainer", "Sequential"]  # teacher, student, and those of the report
    evaluation = TrainedRun(tmp_path / "run").evaluate()
    assert evaluation["test"] == pytest.approx(metrics["test"], rel=1e-5)
    assert launch(RunRequest("student.py", out=tmp_path / "run", resume=True)).had_finished
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 8, 8), "float32"))
    assert main(["predict", "run", "--input", "x.npz"]) == 0
    assert len(trainings) == 4
    assert preparations(recipe) == 1
    for name in ("prepared/*/trainings/teacher", "trainings/other"):
        (folder,) = (tmp_path / "run").glob(name)
        assert {"history.csv", "curves.png"} <= {path.name for path in folder.iterdir()}


@pytest.mark.slow  # takes seconds
@pytest.mark.parametrize("epoch", [1, 2])
def test_interrupted_preparation(epoch, recipe, tmp_path, monkeypatch):
    """A run that is interrupted while the teacher is trained, or afterwards, ends with the same bits."""
    fit = Trainer.fit

    def interrupt(number, logs):
        if number + 1 == epoch:
            raise KeyboardInterrupt

    def interrupted(self, *args, **kwargs):
        callbacks = [*kwargs.pop("callbacks"), keras.callbacks.LambdaCallback(on_epoch_end=interrupt)]
        return fit(self, *args, callbacks=callbacks, **kwargs)

    launch(RunRequest("student.py", out=tmp_path / "unbroken"))
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "fit", interrupted)
        with pytest.raises(RunInterruptedError) as error:
            launch(RunRequest("student.py", out=tmp_path / "broken"))
    assert error.value.command == ["run", "student.py", "--out", str(tmp_path / "broken"), "--resume"]
    launch(RunRequest("student.py", out=tmp_path / "broken", resume=True))
    assert result_of(tmp_path / "broken") == result_of(tmp_path / "unbroken")


def test_failed_run_keeps_what_was_prepared(untrained, tmp_path, monkeypatch):
    untrained.write_text(UNTRAINED.replace('prepared["kernel"][: config.units]', 'prepared["kernels"]'))
    with pytest.raises(KeyError, match="kernels"):
        launch(RunRequest("student.py", out=tmp_path / "run"))
    assert list((tmp_path / "run" / "prepared").glob("*/preparation.json"))


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({"units": 8, "epochs": 3, "batch_size": 16}, True),
        ({"teacher_epochs": 3}, False),
        ({"seed": 1}, False),
    ],
    ids=str,
)
def test_runs_share_values_unless_a_field_that_was_read_differs(changes, shared, recipe, tmp_path):
    file = find_recipe("student.py")
    for fields in ({}, changes, {}):
        prepared_recipe(file, tmp_path / "prepared").build_data(file.recipe.config_class(**fields))
    assert preparations(recipe) == (1 if shared else 2)


def test_each_call_returns_new_objects(untrained, tmp_path):
    """A trial of several folds trains the same model several times."""
    file = find_recipe("student.py")
    preparation = Preparation(file, tmp_path / "prepared", lambda *_: None)
    config = file.recipe.config_class()
    first, state, second = preparation.values(config), np.random.get_state()[1].tolist(), preparation.values(config)
    assert first["teacher"] is not second["teacher"]
    np.testing.assert_array_equal(first["kernel"], second["kernel"])
    assert np.random.get_state()[1].tolist() == state


def test_other_source_or_versions_prepare_again(untrained, tmp_path):
    def build():
        file = find_recipe("student.py")
        prepared_recipe(file, tmp_path / "prepared").build_data(file.recipe.config_class())
        return preparations(untrained)

    assert [build(), build()] == [1, 1]
    untrained.write_text(UNTRAINED.replace("Dropout(0.2)", "Dropout(0.3)"))
    assert [build(), build()] == [2, 2]
    for path in tmp_path.glob("prepared/*/preparation.json"):
        path.write_text(path.read_text().replace(f'"keras": "{keras.__version__}"', '"keras": "3.0.0"'))
    assert [build(), build()] == [3, 3]


def test_values_that_do_not_depend_on_the_seed(recipe, tmp_path):
    start, end = RECIPE.index("    teacher = classifier("), RECIPE.index("def build_data")
    recipe.write_text(
        f'{RECIPE[:start]}    return {{"letters": "abc"}}\n\n\n{RECIPE[end:]}'.replace('["teacher"]', '["letters"]')
    )
    for seed in (0, 1):
        file = find_recipe("student.py")
        with pytest.raises((AttributeError, UnreadableFileError), match="call"):  # of the letters
            prepared_recipe(file, tmp_path / "prepared").build_data(file.recipe.config_class(seed=seed))
    assert preparations(recipe) == 1


@pytest.mark.slow
def test_variants_of_a_comparison(recipe, tmp_path):
    """Two runs at a time prepare once for each seed, and a run of the comparison can be evaluated."""
    compare(CompareRequest("student.py", smoke=True, seeds=2, parallel=2, out=tmp_path / "comparison"))
    assert preparations(recipe) == 2
    runs = sorted(path.parent for path in (tmp_path / "comparison").rglob("metrics.json"))
    assert len(runs) == 4
    metrics = json.loads((runs[0] / "metrics.json").read_text())
    assert TrainedRun(runs[0]).evaluate()["test"] == pytest.approx(metrics["test"], rel=1e-5)
    assert preparations(recipe) == 2


@pytest.mark.slow
def test_trials_of_a_search(recipe, tmp_path):
    assert (
        main(["tune", "student.py", "--tuner", "grid", "--trials", "2", "--smoke", "--out", str(tmp_path / "search")])
        == 0
    )
    assert preparations(recipe) == 1


def test_trained_model_of_another_recipe(tmp_path, trainings):
    def train_recipe(name, fields, folder):
        launches.append((name, fields, folder.name))
        np.random.rand()

    launches = []
    config = find_recipe("mlp/digits").declaration.config_class(seed=3)
    run = RecipeRun(config, tmp_path, tmp_path / "trainings", train_recipe)
    before = np.random.get_state()[1].tolist()
    for epochs in (1, 1, 2):
        run.trained("mlp/digits", epochs=epochs)
    assert np.random.get_state()[1].tolist() == before
    assert [fields for _, fields, _ in launches] == [{"seed": 3, "epochs": epochs} for epochs in (1, 1, 2)]
    first, second, third = (folder for _, _, folder in launches)
    assert first == second != third
    assert re.fullmatch("mlp-digits-[0-9a-f]{8}", first)


def test_trained_model_with_a_fixed_seed(tmp_path):
    """The run does not read its own seed, so that all seeds of a comparison share the model."""
    run = RecipeRun(object(), tmp_path, tmp_path / "trainings", lambda name, fields, folder: fields)
    assert run.trained("mlp/digits", seed=0) == {"seed": 0}


def test_save_figure(tmp_path):
    """A figure replaces an earlier one, which remains if the figure cannot be drawn."""
    run = RecipeRun(None, tmp_path, tmp_path / "trainings", None)
    figure = Figure(figsize=(2, 1))
    run.save_figure(figure, "scores.png")
    assert matplotlib.image.imread(tmp_path / "scores.png").shape[1] >= 40
    content = (tmp_path / "scores.png").read_bytes()
    figure.text(0, 0, "$\\unknown$")
    with pytest.raises(ValueError, match="unknown"):
        run.save_figure(figure, "scores.png")
    assert (tmp_path / "scores.png").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["scores.png"]


def test_another_recipe_is_trained_once(recipe, trainings, tmp_path):
    from tensorsmith.recipes.running import train_recipe

    models = [train_recipe("mlp/digits", {"epochs": 1, "seed": 2}, tmp_path / "digits") for _ in range(2)]
    assert trainings == ["Trainer"]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


class Words:
    """Object that can be saved."""

    def __init__(self, words):
        self.words = words

    def save(self, path):
        Path(path).write_text(" ".join(self.words))

    @classmethod
    def load(cls, path):
        return cls(Path(path).read_text().split())


def test_kinds_of_values(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    layer = keras.layers.Normalization()
    layer.adapt(np.array([[1.0, 2.0, 3.0], [3.0, 2.5, 1.0]], "float32"))
    values = {
        "model": model,
        "layer": layer,
        "array": np.arange(3),
        "strings": np.array(["a", "bc"]),
        "arrays": {"train": np.eye(2), "test": np.zeros(0, "int8")},
        "words": Words(["a", "b"]),
        "json": {"alphabet": "äb", "rate": 0.1, "none": None, "list": [1, [2]], "infinity": float("inf")},
        "empty": {},
    }
    save_values(values, tmp_path, {"Words": Words})
    loaded = load_values(tmp_path, {"Words": Words})
    assert loaded.keys() == values.keys()
    x = np.ones((1, 3), "float32")
    np.testing.assert_array_equal(loaded["model"](x), model(x))
    np.testing.assert_array_equal(loaded["layer"](x), layer(x))
    for name in ("array", "strings"):
        np.testing.assert_array_equal(loaded[name], values[name])
    assert {name: array.dtype for name, array in loaded["arrays"].items()} == {"train": np.float64, "test": np.int8}
    assert loaded["words"].words == ["a", "b"]
    assert (loaded["json"], loaded["empty"]) == (values["json"], {})


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, {"a": object()}, b"abc", Words(["a"]), np.float32],
    ids=lambda value: type(value).__name__,
)
def test_other_types_are_refused(value, tmp_path):
    with pytest.raises(ValueError, match="prepare: mine must be a Keras model or layer, NumPy arrays"):
        save_values({"mine": value}, tmp_path, {})
    assert not (tmp_path / "values.json").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "array.npz").write_bytes(b"PK"),
        lambda folder: (folder / "model.keras").write_bytes(b""),
        lambda folder: (folder / "values.json").write_text('{"../array": {"kind": "array"}}'),
        lambda folder: (folder / "values.json").write_text('{"array": {"kind": "object", "class": "np"}}'),
        lambda folder: (folder / "values.json").write_text("[" * 100_000),
        lambda folder: np.savez(folder / "array.npz", array=np.array([Path()], object)),
        lambda folder: np.savez_compressed(folder / "array.npz", array=np.zeros(10_000)),
        lambda folder: os.truncate(folder / "values.json", 2 << 30),
    ],
    ids=["array", "model", "name", "class", "index", "pickle", "compressed", "sparse"],
)
def test_damaged_values(damage, tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    save_values({"model": model, "array": np.arange(3)}, tmp_path, {})
    damage(tmp_path)
    with pytest.raises(UnreadableFileError, match="prepared must be a folder of intact files, got .*Remove the"):
        load_values(tmp_path, {"np": np})


def test_large_json_values(tmp_path):
    with pytest.raises(ValueError, match="prepare must be at most 5,000,000 bytes of JSON values, got 6,000,.* arrays"):
        save_values({"letters": "a" * 6_000_000}, tmp_path, {})
    assert not (tmp_path / "values.json").exists()


@pytest.mark.parametrize(
    "content",
    ["[1]", "{}", '{"fields": 1}', "[" * 100_000, None],
    ids=["list", "empty", "fields", "nested", "sparse"],
)
def test_damaged_preparation(content, untrained, tmp_path):
    """The recipe prepares again."""
    file = find_recipe("student.py")
    config = file.recipe.config_class(teacher_epochs=1)
    for count in (1, 2):
        prepared_recipe(file, tmp_path / "prepared").build_data(config)
        assert preparations(untrained) == count
        (facts,) = tmp_path.glob("prepared/*/preparation.json")
        facts.write_text(content or "")
        if content is None:
            os.truncate(facts, 2 << 30)


def test_values_that_the_recipe_cannot_use(untrained, tmp_path, capsys):
    launch(RunRequest("student.py", ["--epochs", "1"], out=tmp_path / "run"))
    (index,) = (tmp_path / "run").glob("prepared/*/values.json")
    others = {name: value for name, value in json.loads(index.read_text()).items() if name != "teacher"}
    for stored in ({"teacher": {"kind": "json", "value": 5}}, {}):
        index.write_text(json.dumps({**others, **stored}))
        assert main(["evaluate", "run"]) == 1
        shown = capsys.readouterr().err
        path = f"run/prepared/{index.parent.name}"
        assert f"prepared must be a folder of values that the recipe can use, got {path}" in shown
        assert "student.py, line " in shown
        assert "Traceback" not in shown


@pytest.mark.parametrize("marked", [False, True])
def test_folders_of_the_same_name_around_the_run(marked, recipe, tmp_path):
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / "mine.txt").symlink_to("/etc/hostname")
    if marked:
        (tmp_path / "comparison.yaml").touch()
    run = tmp_path / "variant" / "seed-0"
    assert preparation_folder(run) == (tmp_path if marked else run) / "prepared"


def test_trusted_preparation(untrained, tmp_path):
    folder = tmp_path / "run" / "prepared"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to("/etc/hostname")
    file = find_recipe("student.py")
    config = file.recipe.config_class(teacher_epochs=1)
    with pytest.raises(ValueError, match="Pass --trust"):
        prepared_recipe(file, folder).build_data(config)
    assert prepared_recipe(file, folder, trust=True).build_data(config)


def test_links_are_not_followed(recipe, tmp_path):
    folder = tmp_path / "run" / "prepared"
    folder.mkdir(parents=True)
    (tmp_path / "mine.txt").write_text("mine")
    (folder / "lock").symlink_to(tmp_path / "mine.txt")
    file = find_recipe("student.py")
    with pytest.raises((ValueError, OSError)):
        prepared_recipe(file, folder).build_data(file.recipe.config_class())
    assert (tmp_path / "mine.txt").read_text() == "mine"
    shutil.rmtree(folder)
