"""Tests of run folders and configuration files from others: they run no code and write no files unless trusted."""

import errno
import os
import shutil
import sys
from pathlib import Path

import pytest

from tensorsmith.recipes import RunRequest, RunSettings, TrainedRun, launch
from tensorsmith.testing import raises_argument_error
from tensorsmith.tools.main import main


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
