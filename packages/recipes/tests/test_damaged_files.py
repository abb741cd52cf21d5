"""Tests of damaged run folders, configuration files and inputs: the errors name the file."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest

from tensorsmith.core import ArgumentError, UnreadableFileError
from tensorsmith.recipes import RunRequest, TrainedRun, find_recipe, launch, read_results
from tensorsmith.recipes.run_folder import RunFolder
from tensorsmith.testing import raises_argument_error


@pytest.mark.parametrize("damage", ["empty", "truncated", "text", "flipped", "missing link", "zip without model"])
def test_damaged_models(folder, damage):
    path = folder / "run/model.keras"
    content = path.read_bytes()
    path.unlink()
    if damage == "missing link":
        path.symlink_to("nowhere")
    elif damage == "zip without model":
        np.savez(folder / "x.npz", x=1)
        shutil.move(folder / "x.npz", path)
    else:
        changed = bytes(byte ^ (number % 50 == 0) for number, byte in enumerate(content))
        damaged = {"empty": b"", "truncated": content[:-100], "text": b"model\n", "flipped": changed}
        path.write_bytes(damaged[damage])
    expected = (
        "without model.keras" if damage == "missing link" else r"model.keras could not be loaded \(\w+: .*\). Try"
    )
    with pytest.raises(ValueError, match=expected):
        TrainedRun(folder / "run").load_model()


@pytest.mark.parametrize("content", ["", "[", "{}", "[" * 5000, '{"classes": 3}', '{"classes": ["\\ud800"]}', "\udcff"])
def test_damaged_names(folder, content):
    (folder / "run/names.json").write_text(content, errors="surrogateescape")
    with pytest.raises(UnreadableFileError, match=r"names\.json, which is damaged"):
        TrainedRun(folder / "run").folder.names("classes")


@pytest.mark.parametrize("name", ["names.json", "history.csv"])
def test_large_files_are_not_read(folder, name):
    """A sparse file needs no space in an archive, but memory when it is read."""
    with (folder / "run" / name).open("wb") as file:
        file.truncate(21_000_000)
    run = RunFolder(folder / "run")
    with pytest.raises(UnreadableFileError, match=rf"run must be a folder with intact files, got .*{name}"):
        run.read_history() if name == "history.csv" else run.names("classes")
    if name == "history.csv":
        assert run.completed_epochs() == 0


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", "tensorboard/train", "tensorboard/validation"])
def test_files_instead_of_folders(folder, name):
    shutil.rmtree(folder / "run" / name, ignore_errors=True)
    (folder / "run" / name).write_text("x")
    with pytest.raises(UnreadableFileError, match=f"{name}, which is not a folder"):
        launch(RunRequest("mine.py", ["--epochs", "3"], out=folder / "run", resume=True))


@pytest.mark.parametrize("kind", ["Adam", "MeanSquaredError", "Mean", "Dense"])
def test_saved_objects_that_are_no_models(folder, kind):
    classes = {"Adam": keras.optimizers, "MeanSquaredError": keras.losses, "Mean": keras.metrics, "Dense": keras.layers}
    saved = getattr(classes[kind], kind)(*[3] * (kind == "Dense"))
    path = folder / "run/model.keras"
    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
    content["config.json"] = json.dumps(keras.saving.serialize_keras_object(saved))
    with zipfile.ZipFile(path, "w") as new:
        for name, data in content.items():
            new.writestr(name, data)
    with pytest.raises(UnreadableFileError, match="could not be loaded|a folder with a saved keras.Model, got .*which"):
        TrainedRun(folder / "run").load_model()


def test_weights_of_another_recipe(folder):
    recipe = (folder / "mine.py").read_text()
    (folder / "mine.py").write_text(
        recipe.replace("keras.layers.Dense(1)]", "keras.layers.Dense(1), keras.layers.Dense(1)]")
    )
    with pytest.raises(UnreadableFileError, match="whose weights do not match the model of"):
        TrainedRun(folder / "run").evaluate()


@pytest.mark.parametrize("key", ["1", "null", "true", "2020-01-01", "1.5", "[a]", "? {a: b}\n"])
def test_keys_that_are_no_strings(folder, key):
    with (folder / "run/config.yaml").open("a") as file:
        file.write(f"{key}: 2\n")
    with pytest.raises(
        UnreadableFileError, match="config must be (a mapping whose keys are strings|a valid YAML file),"
    ):
        TrainedRun(folder / "run")


@pytest.mark.parametrize(
    "line", [f"batch_size: {2**70}", f"epochs: {-(2**70)}", f"seed: {2**32}", "seed: -1", "epochs: .inf", "seed: .nan"]
)
def test_excessive_numbers(folder, line):
    (folder / "c.yaml").write_text(f"recipe: mine.py\n{line}\n")
    with pytest.raises(ArgumentError, match=rf"^{line.partition(':')[0]} must be an integer.*, got "):
        launch(RunRequest("mine.py", config=folder / "c.yaml", out=folder / "new"))


@pytest.mark.parametrize("value", ["'!!python/object/apply:os.system [x]'", "'" + "[" * 3000 + "'", "'a, [1'"])
def test_lists_in_strings(folder, value):
    recipe = (folder / "mine.py").read_text()
    (folder / "mine.py").write_text(
        recipe.replace("epochs: int = 1", "units: tuple[int, ...] = (8,)  # u\n    epochs: int = 1")
    )
    (folder / "c.yaml").write_text(f"recipe: mine.py\nunits: {value}\n")
    with pytest.raises(ArgumentError, match="^units must be a list of values that are each an integer, got"):
        launch(RunRequest("mine.py", config=folder / "c.yaml", out=folder / "new"))


@pytest.mark.parametrize("content", [b"epochs: \xff", b"x: " + b"[" * 5000, b"a: &a [*a]"])
def test_damaged_configurations(folder, content):
    (folder / "run/config.yaml").write_bytes(content)
    with pytest.raises(UnreadableFileError, match="a valid YAML file"):
        TrainedRun(folder / "run")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"epoch,loss\n1,0.5,7\n"])
def test_damaged_history(folder, content):
    """The history is written again from the checkpoint when a run is resumed."""
    (folder / "run/history.csv").write_bytes(content)
    launch(RunRequest("mine.py", ["--epochs", "2"], out=folder / "run", resume=True))
    rows = (folder / "run/history.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["epoch", "1", "2"]


def test_configuration_without_epochs(folder):
    """The run has the default number of epochs, 1."""
    path = folder / "run/config.yaml"
    path.write_text(
        "".join(line for line in path.read_text().splitlines(keepends=True) if not line.startswith("epochs"))
    )
    assert launch(RunRequest("mine.py", ["--epochs", "1"], out=folder / "run", resume=True)).had_finished
    assert launch(RunRequest("mine.py", ["--epochs", "2"], out=folder / "run", resume=True)).metrics


def test_damaged_inputs(folder):
    run = TrainedRun(folder / "run")
    np.save(folder / "whole.npy", np.zeros((100, 2)))
    np.savez_compressed(folder / "whole.npz", x=np.zeros((100, 2)))
    whole, packed = ((folder / f"whole.{suffix}").read_bytes() for suffix in ("npy", "npz"))
    middle = len(packed) // 2
    damaged = {
        "empty.npy": b"",
        "empty.npz": b"",
        "truncated.npy": whole[:-800],
        "truncated.npz": packed[:-30],
        "flipped.npz": packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :],
        "huge.npy": whole.replace(b"(100, 2), }      ", b"(10000000000000,)"),
        "bytes.csv": b"a,b\n\xff\xfe,2\n",
        "header.csv": b"\xff,b\n1,2\n",
    }
    for name, content in damaged.items():
        (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}|column"):
            run.predict(folder / name)
    for name, array in (("dates", np.zeros((3, 2), "datetime64[s]")), ("words", np.array([["a", "b"]]))):
        np.save(folder / f"{name}.npy", array)
        with raises_argument_error("input", expected="numbers"):
            run.predict(folder / f"{name}.npy")


RUN = {"seed": 0, "scores": {"test": {"loss": 1.0}}, "seconds": 1.0, "steps_per_second": None, "versions": {}}
COMPARISON = {"question": "", "split": "test", "metric": "loss", "direction": "min", "variants": []}


@pytest.mark.parametrize(
    "content",
    [
        *("", "null", "[1]", "5", "NaN", "[" * 100_000, "1" * 6000, "\udcff"),
        *({"runs": 5}, {"runs": [{"x": 1}]}, {"fingerprint": {"loss": 5}}, {"comparison": {"x": 1}}, {"comparison": 5}),
        *({"runs": [{**RUN, name: value}]} for name in ("seed", "scores", "seconds") for value in (None, "x")),
        {"runs": [{**RUN, "scores": {"test": {"loss": "x"}}}]},
        {"runs": [RUN, {**RUN, "scores": {}}]},
        {"comparison": COMPARISON},
        {
            "comparison": {
                **COMPARISON,
                "variants": [{"name": 1, "tuned": {}, "scores": {}, "seconds": {}, "columns": {}}],
            }
        },
    ],
    ids=lambda content: str(content)[:40],
)
def test_damaged_results(folder, content):
    path = folder / "results/mine.json"
    path.parent.mkdir()
    path.write_text(content if isinstance(content, str) else json.dumps(content), errors="surrogateescape")
    with pytest.raises(
        UnreadableFileError, match=r"results must be .*, got .*mine\.json .*Restore the file, or remove"
    ):
        read_results(find_recipe("mine.py"))


def test_large_results_are_not_read(folder):
    (folder / "results").mkdir()
    with (folder / "results/mine.json").open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(UnreadableFileError, match="at most 5,000,000 bytes"):
        read_results(find_recipe("mine.py"))
