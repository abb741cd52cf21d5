"""Tests of run folders and configuration files from others: they run no code and write no files unless trusted."""

import contextlib
import errno
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from tensorsmith.core import ArgumentError, UnreadableFileError
from tensorsmith.recipes import RunRequest, RunSettings, TrainedRun, launch
from tensorsmith.recipes.run_folder import RunFolder
from tensorsmith.testing import raises_argument_error
from tensorsmith.tools.main import main

RECIPE = '''
"""Regression that notes when it is executed."""

import pathlib
from dataclasses import dataclass

pathlib.Path("executed").touch()

@dataclass(frozen=True)
class Config:
    epochs: int = 1  # passes over the examples
    batch_size: int = 8  # examples per step
    seed: int = 0  # of the weights


def build_data(config):
    import numpy as np

    return {"train": (np.ones((8, 2), "float32"), np.ones((8, 1), "float32"))}


def build_trainer(config):
    import keras
    from tensorsmith.training import Trainer

    return Trainer(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), "sgd", "mse", jit=False)
'''


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder with a recipe and a finished run of it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "mine.py").write_text(RECIPE)
    with contextlib.chdir(folder):
        launch(RunRequest("mine.py", out=folder / "run"))
    return folder


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """Working folder with a copy of the recipe and the run."""
    shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    config = tmp_path / "work/run/config.yaml"
    config.write_text(config.read_text().replace(str(finished), str(tmp_path / "work")))
    (tmp_path / "work/executed").unlink()
    return tmp_path / "work"


def name_recipe(folder, path):
    config = folder / "run/config.yaml"
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join([f"recipe: {path}\n", *lines[1:]]))


def test_own_runs_need_no_flag(folder):
    (folder / "x.csv").write_text("a,b\n1,2\n")
    assert TrainedRun(folder / "run").predict(folder / "x.csv").shape == (1, 1)
    assert (folder / "executed").exists()
    launch(RunRequest("mine.py", ["--epochs", "2"], out=folder / "run", resume=True))


@pytest.mark.parametrize(
    "kind", ["absolute", "relative", "inside the run", "link", "link to the run", "run is current"]
)
def test_recipe_files_of_others(folder, monkeypatch, kind):
    shutil.move(folder / "mine.py", folder.parent / "mine.py")
    run = folder / "run"
    if kind in ("inside the run", "link to the run", "run is current"):
        shutil.move(folder.parent / "mine.py", run / "mine.py")
    if kind.startswith("link"):
        (folder / "mine.py").symlink_to({"link": folder.parent, "link to the run": run}[kind] / "mine.py")
    if kind == "run is current":
        monkeypatch.chdir(run)
    paths = {"absolute": folder.parent / "mine.py", "relative": "../mine.py", "inside the run": "run/mine.py"}
    name_recipe(folder, paths.get(kind, "mine.py"))
    target = os.path.realpath(paths.get(kind, "mine.py"))
    with raises_argument_error("recipe", received=f"{target}, which would be executed", remedy="--trust"):
        TrainedRun(run)
    assert not (folder / "executed").exists()
    assert not (run / "executed").exists()
    TrainedRun(run, trust=True).load_model()
    assert Path("executed").exists()


PACKAGE = {
    "victim/deep.py": "open('imported', 'a').close()\nx = " + "-" * 100_000 + "1\nclass Loop(Loop): ...\n",
    "victim/__init__.py": "open('imported', 'a').close()\nfrom .logs import Log as Logger\nfrom json import dumps\n",
    "victim/logs.py": "open('imported', 'a').close()\nfrom ._base import Base\n\n\nclass Log(Base):\n    pass\n",
    "victim/_base.py": "import keras\n\n\nclass Base(keras.callbacks.Callback):\n    pass\n",
    "victim/other.py": "open('imported', 'a').close()\nCallback = 3\nclass Model: ...\nclass Loop(Loop): ...\n",
}


@pytest.fixture
def package(folder, monkeypatch):
    """Installed package that notes when it is imported."""
    site = folder.parent / "site"
    for name, text in PACKAGE.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    monkeypatch.syspath_prepend(site)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "victim"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "path",
    [
        "victim.other.Callback",
        "victim.other.Model",
        "victim.other.Loop",
        "victim.dumps",
        "victim.no",
        "victim.no.no",
        "victim.deep.Loop",
    ],
)
def test_only_modules_of_callbacks_are_imported(folder, package, path):
    request = RunRequest("mine.py", out=folder / "new", settings={"callbacks": (path,)})
    with raises_argument_error("callbacks", received=path):
        launch(request)
    assert not (folder / "imported").exists()
    assert not (folder / "new").exists()


@pytest.mark.parametrize("path", ["victim.Logger", "victim.logs.Log", "victim._base.Base"])
def test_callbacks_of_installed_packages(folder, package, path):
    assert launch(RunRequest("mine.py", out=folder / "new", settings={"callbacks": (path,)})).metrics


@pytest.mark.parametrize("path", ["{folder}/own.py", "../own.py", "logs/../../own.py", "link/own.py", "log.csv"])
def test_callbacks_write_inside_the_run_folder(folder, path):
    (folder / "own.py").write_text("mine")
    (folder / "run/link").symlink_to(folder)
    (folder / "run/logs").mkdir()
    (folder / "run/log.csv").symlink_to(folder / "own.py")
    arguments = {"filename": path.format(folder=folder)}
    callback = {"class_path": "keras.callbacks.CSVLogger", "init_args": arguments}
    with (folder / "run/config.yaml").open("a") as file:
        file.write(f"callbacks: [{callback}]\n")
    resume = RunRequest("mine.py", ["--epochs", "3"], out=folder / "run", resume=True)
    with raises_argument_error("run", received="a link that leads out of it", remedy="--trust"):
        launch(resume)
    for name in ("link", "log.csv"):
        if path.partition("/")[0] != name:
            (folder / "run" / name).unlink()
    if path.partition("/")[0] not in ("link", "log.csv"):
        with raises_argument_error("filename of keras.callbacks.CSVLogger", remedy="--trust"):
            launch(resume)
    assert (folder / "own.py").read_text() == "mine"
    launch(RunRequest("mine.py", ["--epochs", "3"], out=folder / "run", resume=True, trust=True))
    assert (folder / "own.py").read_text().startswith("epoch")


@pytest.mark.parametrize(
    "filename",
    [
        "!!binary b3duLnB5",
        "'{epoch.__doc__[127]}{epoch.__doc__[127]}/own.py'",
        "'{epoch:/>3}'",
        "'{epoch}/../../own.py'",
        '"\\0"',
        "2024-02-29",
    ],
)
def test_unusual_arguments_of_callbacks(folder, filename):
    """The paths of ModelCheckpoint are formatted after they have been checked."""
    with (folder / "run/config.yaml").open("a") as file:
        file.write(
            f"callbacks:\n- class_path: keras.callbacks.ModelCheckpoint\n  init_args: {{filepath: {filename}}}\n"
        )
    with pytest.raises(ValueError, match="--trust"):
        launch(RunRequest("mine.py", ["--epochs", "3"], out=folder / "run", resume=True))


def test_formatted_paths_of_callbacks(folder):
    callback = {
        "class_path": "keras.callbacks.ModelCheckpoint",
        "init_args": {"filepath": "{epoch:02d}-{loss:.2f}.keras"},
    }
    launch(RunRequest("mine.py", out=folder / "new", settings={"callbacks": (callback,)}))
    assert [path.name[:3] for path in (folder / "new").glob("0*.keras")] == ["01-"]


def test_callbacks_of_an_environment_below_the_configuration(folder, package, monkeypatch):
    """A configuration in the home directory can name the callbacks of packages that are installed in a folder of it."""
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    settings = RunSettings(callbacks=("victim.Logger", "keras.callbacks.CSVLogger"))
    settings.check_callbacks(Path("new"), config=folder.parent / "mine.yaml")


CALLBACK = "open('imported', 'a').close()\nimport keras\nclass Log(keras.callbacks.Callback): ...\n"


@pytest.fixture
def search_path(folder, monkeypatch):
    """Search path of Python that contains the current folder, as with `PYTHONPATH=.`."""
    monkeypatch.syspath_prepend(folder)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("inbox", "linked", "own", "deep")]:
        del sys.modules[name]
    sys.modules.pop("tensorsmith.received", None)


@pytest.mark.parametrize(
    "path", ["inbox.received.Log", "inbox.sub.received.Log", "linked.Log", "tensorsmith.received.Log"]
)
@pytest.mark.parametrize("command", ["resume", "config", "other name"])
def test_callbacks_in_the_run_folder(folder, search_path, path, command):
    """A folder is a namespace package if its parent is in the search path of Python."""
    run = (folder / "run").rename(folder / "inbox")  # a name that no module in the search path has
    (run / "sub").mkdir()
    for file in ("received.py", "sub/received.py"):
        (run / file).write_text(CALLBACK)
    (folder / "linked.py").symlink_to("inbox/received.py")
    if path.startswith("tensorsmith"):
        run = run.rename(folder / "tensorsmith")
    config = run / ("settings.yaml" if command == "other name" else "config.yaml")
    config.write_text(f"recipe: mine.py\ncallbacks: [{path}]\n")
    with raises_argument_error("callbacks", received=f"'{path}', whose module is in", remedy="--trust"):
        if command == "resume":
            launch(RunRequest("mine.py", ["--epochs", "3"], out=run, resume=True))
        else:
            launch(RunRequest("mine.py", config=config, out=folder / "new"))
    assert main(["validate", str(config)]) == 2
    assert not (folder / "imported").exists()
    assert not (folder / "new").exists()


@pytest.mark.parametrize("trust", [False, True])
def test_callbacks_in_the_current_folder(folder, search_path, trust):
    """The example in the README: a configuration and the module of its callback in the current folder."""
    (folder / "own.py").write_text(CALLBACK)
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/own.py").write_text(CALLBACK)
    (folder / "run").rename(folder / "inbox")
    paths = ["inbox.received.Log"] if trust else ["own.Log", "deep.er.own.Log"]
    (folder / "mine.yaml").write_text(f"recipe: mine.py\ncallbacks: [{', '.join(paths)}]\n")
    (folder / "inbox/received.py").write_text(CALLBACK)
    assert main(["validate", "mine.yaml", *["--trust"] * trust]) == 0
    assert launch(RunRequest("mine.py", config=folder / "mine.yaml", out=folder / "new", trust=trust)).metrics


@pytest.mark.parametrize("name", ["worker-1.log", "log.csv", "checkpoints/own", "model.keras"])
def test_hard_links_in_run_folders(folder, name):
    """An archive can contain a hard link to a file of the user, to which the output would be appended."""
    (folder / "own.py").write_text("mine")
    (folder / "run" / name).unlink(missing_ok=True)
    os.link(folder / "own.py", folder / "run" / name)
    callback = {"class_path": "keras.callbacks.CSVLogger", "init_args": {"filename": "log.csv"}}
    with (folder / "run/config.yaml").open("a") as file:
        file.write(f"callbacks: [{callback}]\n")
    for use in (
        lambda: launch(RunRequest("mine.py", ["--epochs", "3"], out=folder / "run", resume=True)),
        lambda: TrainedRun(folder / "run"),
    ):
        with raises_argument_error("run", received=f"{Path(name).name}, a file with several names", remedy="--trust"):
            use()
    assert (folder / "own.py").read_text() == "mine"


def test_folders_that_cannot_be_listed(folder, monkeypatch):
    """Archives keep the mode 0311, with which the links in a folder cannot be found, but followed."""
    victim = folder / "victim"
    victim.mkdir()
    hidden = folder / "run/tensorboard"
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir()
    (hidden / "train").symlink_to(victim)
    listed = os.scandir

    def scandir(path):
        if Path(path) == hidden:  # root can list all folders
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with raises_argument_error("run", received="tensorboard, which cannot be listed (Permission denied)"):
        TrainedRun(folder / "run")


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", "worker-1.log", "samples.txt", "checkpoints/link"])
def test_links_in_run_folders(folder, name):
    """Otherwise, the files of another run, or of the user, would be replaced or removed."""
    victim = folder / "victim"
    shutil.copytree(folder / "run/checkpoints", victim)
    before = {path: path.read_bytes() for path in victim.rglob("*") if path.is_file()}
    target = folder / "run" / name
    if target.is_dir():
        shutil.rmtree(target)
    target.symlink_to(victim)
    for use in (
        lambda: launch(RunRequest("mine.py", ["--epochs", "3"], out=folder / "run", resume=True)),
        lambda: TrainedRun(folder / "run"),
    ):
        with raises_argument_error("run", received="a link that leads out of it", remedy="--trust"):
            use()
    assert {path: path.read_bytes() for path in victim.rglob("*") if path.is_file()} == before


def test_special_files_in_run_folders(folder):
    os.mkfifo(folder / "run/names.json")
    with raises_argument_error("run", received="a special file"):
        TrainedRun(folder / "run")


def test_links_within_run_folders(folder):
    (folder / "run/latest.keras").symlink_to("model.keras")
    TrainedRun(folder / "run")


def test_module_of_a_configuration(folder):
    """`transfer/hub_local` calls the module that its configuration names, and a module can run code."""
    (folder / "run/config.yaml").write_text("recipe: transfer/hub_local\nmodule: payload\n")
    with raises_argument_error("module", received="'payload' in", remedy="--trust"):
        TrainedRun(folder / "run")
    with raises_argument_error("module", received="'payload' in", remedy="pass it as --module"):
        launch(RunRequest("transfer/hub_local", config=folder / "run/config.yaml", out=folder / "new"))


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
        file.truncate(2 << 30)
    run = RunFolder(folder / "run")
    with pytest.raises(UnreadableFileError, match=rf"run must be a folder with intact files, got .*{name}"):
        run.read_history() if name == "history.csv" else run.names("classes")
    if name == "history.csv":
        assert run.completed_epochs() == 0


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard"])
def test_files_instead_of_folders(folder, name):
    shutil.rmtree(folder / "run" / name, ignore_errors=True)
    (folder / "run" / name).write_text("x")
    with pytest.raises(UnreadableFileError, match=f"{name}, which is not a folder"):
        launch(RunRequest("mine.py", ["--epochs", "3"], out=folder / "run", resume=True))


def test_export_to_a_link(folder):
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("empty")
    TrainedRun(folder / "run").export(folder / "link")
    assert (folder / "link").is_symlink()
    assert (folder / "empty/saved_model.pb").is_file()


@pytest.mark.parametrize("path", ["keras.src.backend.torch.X", "keras.src.callbacks.CSVLogger", "tensorflow.python.X"])
def test_callbacks_in_private_modules(folder, path):
    """Some of these modules end the process when they are imported."""
    (folder / "c.yaml").write_text(f"recipe: mine.py\ncallbacks: [{path}]\n")
    with raises_argument_error("callbacks", received=path, expected="in a public module", remedy="use the public name"):
        launch(RunRequest("mine.py", config=folder / "c.yaml", out=folder / "new"))


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
    (folder / "mine.py").write_text(
        RECIPE.replace("keras.layers.Dense(1)]", "keras.layers.Dense(1), keras.layers.Dense(1)]")
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
    (folder / "mine.py").write_text(
        RECIPE.replace("epochs: int = 1", "units: tuple[int, ...] = (8,)  # u\n    epochs: int = 1")
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
