"""Tests of `tensorsmith tune`: search folder, recovery from failures, and errors before the search starts."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tensorsmith.recipes.catalog import find_recipe
from tensorsmith.runs import alone_in, free_ports
from tensorsmith.testing import raises_argument_error
from tensorsmith.tools.main import main
from tensorsmith.tools.search_folder import read_search
from tensorsmith.tuning.search_workers import SearchWorkers

pytestmark = pytest.mark.usefixtures("empty_figures")

RECIPE = str(Path(__file__).with_name("noisy_line.py"))


def tune(folder, *flags):
    return main(["tune", RECIPE, "--out", str(folder), *flags])


def results(folder):
    """Returns the result of each trial without its duration."""
    found = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("trial_*/result.json")}
    return {name: {**result, "seconds": 0} for name, result in sorted(found.items())}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a finished, uninterrupted search."""
    folder = tmp_path_factory.mktemp("tune") / "search"
    assert tune(folder, "--trials", "3") == 0
    return folder


def test_folder(finished):
    names = {path.name for path in finished.iterdir()}
    trials = {"trial_0", "trial_1", "trial_2"}
    assert names == trials | {"best", "oracle.json", "scores.png", "search.yaml", "tensorboard", "tuner0.json"}
    assert sorted(path.name for path in (finished / "best").iterdir()) == ["1.yaml", "2.yaml", "3.yaml"]
    scores = [result["score"] for result in results(finished).values()]
    heads = [(finished / "best" / f"{rank}.yaml").read_text().splitlines()[0] for rank in (1, 2, 3)]
    assert [float(head.split()[2]) for head in heads] == pytest.approx(sorted(scores), rel=1e-5)


def test_run_reproduces_best_trial(finished, tmp_path):
    trial = repeat(RECIPE, finished, 1, tmp_path)
    assert trial["score"] == min(trial["history"]["val_loss"])


@pytest.mark.slow
def test_run_reproduces_hyperband_trials(tmp_path):
    """The scores are repeated bitwise, although the schedule depends on the number of epochs."""
    recipe = tmp_path / "scheduled.py"
    text = Path(RECIPE).read_text().replace("    layers = [", "    steps = 16 * config.epochs\n    layers = [", 1)
    schedule = "keras.optimizers.schedules.CosineDecay(10 * config.learning_rate, steps)"
    recipe.write_text(text.replace("SGD(config.learning_rate)", f"SGD({schedule})", 1))
    folder = tmp_path / "search"
    flags = ["--tuner", "hyperband", "--trials", "7", "--batch_size", "8"]
    assert main(["tune", str(recipe), "--out", str(folder), *flags]) == 0
    trained = {repeat(recipe, folder, rank, tmp_path)["config"]["epochs"] for rank in (1, 2, 3)}
    assert trained == {2, 4}  # of both rounds


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["val_loss", "loss"])
def test_run_reproduces_early_stopping(tmp_path, objective):
    folder = tmp_path / "search"
    (tmp_path / "space.yaml").write_text("learning_rate: {uniform: [0.1, 0.2]}")
    flags = ["--trials", "1", "--epochs", "99", "--patience", "1", "--space", str(tmp_path / "space.yaml")]
    assert tune(folder, *flags, "--objective", objective) == 0
    trial = repeat(RECIPE, folder, 1, tmp_path)
    assert trial["epoch"] + 1 == len(trial["history"]["loss"]) < 99


def repeat(recipe, folder, rank, tmp_path):
    """Checks that a run repeats the score and the curves of one of the best trials, whose result is returned."""
    path, out = folder / "best" / f"{rank}.yaml", tmp_path / f"run-{rank}"
    name = path.read_text().splitlines()[0].split("trial ")[1]
    trial = json.loads((folder / f"trial_{name}" / "result.json").read_text())
    assert main(["run", str(recipe), "--config", str(path), "--out", str(out)]) == 0
    rows = [line.split(",") for line in (out / "history.csv").read_text().splitlines()]
    curves = {name: [float(row[i]) for row in rows[1:]] for i, name in enumerate(rows[0])}
    for objective in ("loss", "val_loss"):
        assert curves[objective] == trial["history"][objective]
    measured = json.loads((out / "metrics.json").read_text())["validation"]["loss"]
    assert measured == curves["val_loss"][int(trial["epoch"]) - 1]  # of the restored weights
    return trial


def failing_recipe(tmp_path, condition):
    """Returns a recipe that raises an error if a condition on its configuration holds."""
    recipe = tmp_path / "failing.py"
    line = f'    if {condition}:\n        raise TypeError("slip of the pen")\n    layers = ['
    recipe.write_text(Path(RECIPE).read_text().replace("    layers = [", line, 1))
    return str(recipe)


def test_error_in_one_trial(finished, tmp_path):
    """A trial that raises an error does not affect the other trials."""
    folder = tmp_path / "search"
    recipe = failing_recipe(tmp_path, "config.units == (8, 4)")  # of trial 1
    assert main(["tune", recipe, "--out", str(folder), "--trials", "3"]) == 0
    found, expected = results(folder), results(finished)
    failed = found.pop("trial_1")
    del expected["trial_1"]
    assert found == expected
    assert failed["error"].startswith("failing.py, line ")
    assert failed["error"].endswith(", in build_trainer: TypeError: slip of the pen")


def test_error_in_all_trials(tmp_path, capsys):
    """The search ends after three trials, and its folder is removed, so that the command can be repeated."""
    recipe = failing_recipe(tmp_path, "True")
    assert main(["tune", recipe, "--out", str(tmp_path / "search"), "--trials", "99"]) == 2
    said = capsys.readouterr().err
    assert "3 consecutive trials that failed at failing.py, line " in said
    assert f"tensorsmith: {recipe}, line " in said
    assert not (tmp_path / "search").exists()


def test_on_error_stop(tmp_path, capsys):
    """The search stops at the first error, resumes in the same trial, and keeps this setting."""
    folder, recipe = tmp_path / "search", failing_recipe(tmp_path, "config.units == (8, 4)")
    assert main(["tune", recipe, "--out", str(folder), "--trials", "3", "--on-error", "stop"]) == 1
    assert f"tensorsmith: {recipe}, line " in capsys.readouterr().err
    assert list(results(folder)) == ["trial_0"]
    assert main(["tune", recipe, "--out", str(folder), "--resume"]) == 1


@pytest.mark.slow
def test_error_in_all_trials_of_workers(tmp_path):
    recipe = failing_recipe(tmp_path, "True")
    command = [sys.executable, "-m", "tensorsmith.tools", "tune", recipe, "--out", str(tmp_path / "search")]
    result = subprocess.run(
        [*command, "--trials", "99", "--parallel", "2"], capture_output=True, text=True, timeout=200
    )
    assert result.returncode == 2, result.stderr
    assert "3 consecutive trials that failed at failing.py, line " in result.stderr


# Flags of searches that are killed, and the first epoch of a trial whose configuration depends on earlier scores.
KILLED = {
    "grid": (["--trials", "3"], "trial_1-1"),
    "hyperband": (["--trials", "7"], "trial_5-1"),  # the first trial of the second round
    "bayesian": (["--trials", "5"], "trial_3-1"),  # three random trials precede the Gaussian process
}


@pytest.mark.slow
@pytest.mark.parametrize("tuner", KILLED)
def test_kill_and_resume(tuner, tmp_path):
    """A search that is killed after the first epoch of a trial resumes with the results of an undisturbed search."""
    flags, location = KILLED[tuner]
    recipe = tmp_path / "one_range.py"
    text = Path(RECIPE).read_text()
    recipe.write_text(re.sub(r"tune\.choice.*", "(8, 4)", re.sub(r"tune\.uniform.*", "0.1", text)))
    command = ["tune", str(recipe), "--tuner", tuner, *flags, "--out"]
    assert main([*command, str(tmp_path / "undisturbed")]) == 0
    command = [sys.executable, "-m", "tensorsmith.tools", *command, str(tmp_path / "killed")]
    killed = subprocess.run(command, env=environment(tmp_path, END=f"{location}:9"), capture_output=True, timeout=200)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert main(["tune", str(recipe), "--out", str(tmp_path / "killed"), "--resume"]) == 0
    assert results(tmp_path / "killed") == results(tmp_path / "undisturbed")
    for path in (tmp_path / "undisturbed" / "best").iterdir():
        assert (tmp_path / "killed" / "best" / path.name).read_text() == path.read_text()


def test_logging_without_terminal(tmp_path, capsys, caplog):
    caplog.set_level("INFO", "tensorsmith.tuning")
    assert tune(tmp_path / "search", "--trials", "1", "--smoke") == 0
    (line,) = (line for line in caplog.messages if line.startswith("trial 0  val_loss"))
    assert "learning_rate" in line
    assert "1 of 1 trials" in capsys.readouterr().out


@pytest.mark.slow  # takes seconds
def test_resume_after_interrupt_and_kill(finished, tmp_path):
    folder, diary = tmp_path / "search", tmp_path / "diary"
    command = [sys.executable, "-m", "tensorsmith.tools", "tune", RECIPE, "--out", str(folder)]

    def end(location, number, *flags):
        environment = {**os.environ, "DIARY": str(diary), "END": f"{location}:{int(number)}"}
        return subprocess.run([*command, *flags], env=environment, capture_output=True, text=True, timeout=120)

    interrupted = end("trial_0-2", signal.SIGINT, "--trials", "3")
    assert interrupted.returncode == 130
    assert f"To resume it: tensorsmith tune {RECIPE} --out {folder} --resume" in interrupted.stderr
    assert end("trial_1-3", signal.SIGKILL, "--resume").returncode == -signal.SIGKILL
    assert tune(folder, "--resume") == 0
    assert results(folder) == results(finished)
    first = [line for line in diary.read_text().split() if line.startswith("trial_0")]
    assert first == ["trial_0-1", "trial_0-2", "trial_0-3", "trial_0-4"]  # resumed within the trial


def test_more_trials(finished, tmp_path):
    folder = tmp_path / "search"
    assert tune(folder, "--trials", "1") == 0
    assert tune(folder, "--resume", "--trials", "2") == 0
    assert results(folder) == {name: result for name, result in results(finished).items() if name != "trial_2"}


@pytest.mark.slow
def test_folds_space_and_config_flags(tmp_path):
    space = tmp_path / "space.yaml"
    space.write_text("learning_rate: {log_uniform: [1e-2, 1e-1]}\nbatch_size: {choice: [16, 32]}\n")
    folder = tmp_path / "search"
    flags = ["--trials", "2", "--folds", "2", "--space", str(space), "--epochs", "2", "--keep-best", "1"]
    assert tune(folder, *flags) == 0
    for result in results(folder).values():
        assert result["config"]["epochs"] == 2
        assert 1e-2 <= result["config"]["learning_rate"] <= 1e-1
        assert result["config"]["batch_size"] in (16, 32)
        assert len(result["folds"]) == 2
    assert [path.name for path in (folder / "best").iterdir()] == ["1.yaml"]


@pytest.mark.parametrize(
    ("flags", "space", "said"),
    [
        ([], "units: {choice: [[4], many]}", "got choice([(4,), 'many'])"),
        ([], "batch_size: {uniform: [1, 9]}", "got uniform(1, 9)"),
        ([], "learnign_rate: {uniform: [0, 1]}", "Did you mean learning_rate?"),
        ([], "epochs: {integer: [9, 1]}", "epochs: low must be <= `high` (1), got 9"),
        ([], "epochs: {intger: [1, 9]}", "Did you mean integer?"),
        (["--learning_rate", "0.1"], "", "--learning_rate must be omitted (the search samples it"),
        (["--epohcs", "3"], "", "Did you mean epochs?"),
        (["--tuner", "hyperbnad"], "", "Did you mean hyperband?"),
        (["--trials", "0"], "", "trials must be >= 1, got 0"),
        (["--parallel", "0"], "", "--parallel must be >= 1, got 0"),
        (["--objective", "val_frobnication"], "", "direction must be 'min' or 'max'"),
        (["--objective", "val_acuracy"], "", "Did you mean the objective val_accuracy?"),
        (["--epochs", "0"], "", "epochs must be an integer >= 1, got 0"),
        (["--space", "nofile.yaml"], "", "--space must be a readable file, got 'nofile.yaml'"),
    ],
)
def test_invalid_arguments(tmp_path, capsys, flags, space, said):
    if space:
        (tmp_path / "space.yaml").write_text(space)
        flags = [*flags, "--space", str(tmp_path / "space.yaml")]
    assert tune(tmp_path / "search", *flags) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "search").exists()


def test_a_recipe_without_ranges(capsys, tmp_path):
    text = find_recipe("mlp/digits").path.read_text()
    (tmp_path / "mine.py").write_text(re.sub(r"tune\.\w+\(.*\)  #", "None  #", text))
    assert main(["tune", str(tmp_path / "mine.py"), "--out", str(tmp_path / "search")]) == 2
    assert "space must contain at least one range, got no ranges in" in capsys.readouterr().err


def test_resume_with_other_settings(finished, capsys):
    assert tune(finished, "--resume", "--folds", "3", "--epochs", "9") == 2
    assert "got other values of --folds, --epochs than those of the search" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--objective", "val_losss", "--direction", "min"], "Did you mean val_loss?"),
        (["--folds", "129"], "folds must be at most the number of examples (128), got 129"),
    ],
)
def test_invalid_settings_remove_folder(tmp_path, capsys, flags, said):
    """Errors in the settings remove the search folder, so that the command can be repeated."""
    assert tune(tmp_path / "search", *flags, "--trials", "2") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "search").exists()


@pytest.mark.parametrize("name", ["recipe", "space", "config", "trials", "objective"])
def test_invalid_search_file(finished, tmp_path, capsys, name):
    lines = yaml.safe_load((finished / "search.yaml").read_text())
    (tmp_path / "search.yaml").write_text(yaml.safe_dump({**lines, name: [3]}))
    assert tune(tmp_path, "--resume") == 2
    said = capsys.readouterr().err
    assert f"{name} must be" in said
    assert "got [3]" in said


def test_missing_search_file_entries(finished, tmp_path, capsys):
    lines = yaml.safe_load((finished / "search.yaml").read_text())
    needed = {name: lines[name] for name in ("recipe", "space", "config")}
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(needed))
    assert read_search(find_recipe(RECIPE), tmp_path).trials == 20  # default
    for name in needed:
        (tmp_path / "search.yaml").write_text(yaml.safe_dump({**needed, name: None}))
        assert tune(tmp_path, "--resume") == 2
        assert f"search.yaml: {name} must be a" in capsys.readouterr().err


def test_recipe_path_is_resolved(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(RECIPE).parent)
    assert read_search(find_recipe("./noisy_line.py"), finished).trials == 3
    other = tmp_path / "noisy_line.py"
    other.write_text(Path(RECIPE).read_text())
    with raises_argument_error("recipe", expected="to resume the search in"):
        read_search(find_recipe(str(other)), finished)


def test_concurrent_searches(finished, capsys):
    before = (finished / "search.yaml").read_text()
    with alone_in(finished, "search"):
        assert tune(finished, "--resume", "--trials", "9") == 2
        assert tune(finished, "--resume", "--trials", "9", "--parallel", "2") == 2
    assert capsys.readouterr().err.count("in which another search is running") == 2
    assert (finished / "search.yaml").read_text() == before


def test_workers_lock_folder(tmp_path):
    """Worker processes hold the lock of the folder even after their launcher has exited."""
    with alone_in(tmp_path, "search") as lock:
        processes = SearchWorkers([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, lock)
        processes.start()
    try:
        for group in ([processes.chief], [*processes.workers.values()]):
            with pytest.raises(ValueError, match="another search"), alone_in(tmp_path, "search"):
                pass
            for process in group:
                process.kill()
                process.wait()
        with alone_in(tmp_path, "search"):
            pass
    finally:
        processes.end()


def test_run_without_jit(tmp_path):
    """The field `jit` of a recipe is optional."""
    lines = Path(RECIPE).read_text().replace("jit=config.jit", "jit=False").splitlines(keepends=True)
    recipe = tmp_path / "plain.py"
    recipe.write_text("".join(line for line in lines if not line.startswith("    jit: ")))
    assert main(["run", str(recipe), "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    assert "jit" not in yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())


def environment(tmp_path, **more):
    return {**os.environ, "DIARY": str(tmp_path / "diary"), **more}


def test_configuration_of_a_best_trial(finished, tmp_path, caplog):
    """A search accepts the file, which contains settings of `tensorsmith run`."""
    assert tune(tmp_path / "search", "--trials", "1", "--config", str(finished / "best" / "1.yaml")) == 0
    assert "early_stopping of" in caplog.text


@pytest.mark.slow
def test_parallel_search_with_killed_worker(finished, tmp_path):
    """The trial of a killed worker is resumed by another, with the results of an undisturbed search."""
    folder = tmp_path / "search"
    command = [sys.executable, "-m", "tensorsmith.tools", "tune", RECIPE, "--out", str(folder)]
    result = subprocess.run(
        [*command, "--trials", "3", "--parallel", "2"],
        env=environment(tmp_path, END="trial_1-3:9"),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    assert "was killed by SIGKILL; starting another worker" in result.stderr
    assert "trial 1 will be reassigned" in result.stderr
    assert results(folder) == results(finished)
    assert (folder / "best" / "1.yaml").exists()


@pytest.fixture
def begun(tmp_path):
    """Folder and launcher process of a search whose worker has finished its first epoch."""
    folder = tmp_path / "search"
    flags = ["--out", str(folder), "--trials", "3", "--parallel", "1"]
    command = [sys.executable, "-m", "tensorsmith.tools", "tune", RECIPE, *flags]
    process = subprocess.Popen(command, env=environment(tmp_path), stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "diary").exists() and process.poll() is None:
        time.sleep(0.05)
    yield folder, process
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.mark.slow
def test_resume_parallel_search(finished, begun):
    folder, process = begun
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130, said
    assert "--resume --parallel 1" in said
    assert tune(folder, "--resume") == 0  # without parallel workers
    assert results(folder) == results(finished)


@pytest.mark.slow
def test_killed_launcher(finished, begun):
    """Chief and workers exit after the death of the launcher, and hold the lock of the folder until then."""
    folder, process = begun
    process.kill()
    process.wait()
    until = time.monotonic() + 100
    while (code := tune(folder, "--resume")) == 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert code == 0
    assert results(folder) == results(finished)


def test_worker_without_chief(finished, tmp_path, monkeypatch, capsys):
    """It waits for the folder of the search, and then for the process that assigns trials."""
    (port,) = free_ports(1)
    for name, value in (("TUNER_ID", "worker-0"), ("ORACLE_IP", "127.0.0.1"), ("ORACLE_PORT", str(port))):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    for folder, missing in ((tmp_path / "none", "which writes"), (finished, f"at 127.0.0.1:{port}")):
        assert tune(folder, "--timeout", "0.3") == 1
        said = capsys.readouterr().err
        assert said.startswith(f"tensorsmith: Waited 0.3 seconds for the chief{',' * (folder != finished)} {missing}")
        assert "KERASTUNER_TUNER_ID=chief" in said


# The command with a shorter timeout for lost workers.
IMPATIENT = """
import sys
from tensorsmith.tools.main import main
from tensorsmith.tuning import workers
workers.SECONDS_OF_SILENCE = 10.0
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_workers_by_environment_variables(finished, tmp_path):
    """One chief and two workers without a launcher; one of the workers is killed."""
    folder = tmp_path / "search"
    (port,) = free_ports(1)
    common = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port), "END": "trial_0-2:9"}
    command = [sys.executable, "-c", IMPATIENT, "tune", RECIPE, "--out", str(folder), "--trials", "3"]
    names = ("chief", "worker-a", "worker-b")
    processes = [
        subprocess.Popen(command, env=environment(tmp_path, **common, KERASTUNER_TUNER_ID=name), stderr=subprocess.PIPE)
        for name in names
    ]
    said = [process.communicate(timeout=200)[1].decode() for process in processes]
    codes = [process.returncode for process in processes]
    assert codes[0] == 0, said
    assert sorted(codes[1:]) == [-signal.SIGKILL, 0], said
    assert "; trial 0 will be reassigned" in said[0]
    assert results(folder) == results(finished)


@pytest.mark.slow
def test_california_housing_search(tmp_path):
    """Random search with two trials over four hyperparameters and 2-fold cross-validation on California housing."""
    folder = tmp_path / "search"
    assert main(["tune", "mlp/california", "--trials", "2", "--folds", "2", "--out", str(folder)]) == 0
    scores = [result["score"] for result in results(folder).values()]
    assert len(scores) == 2
    assert min(scores) <= 0.5  # linear regression reaches 0.53 on the test set
    assert yaml.safe_load((folder / "best" / "1.yaml").read_text())["recipe"] == "mlp/california"


def test_modules_of_files_are_not_loaded(tmp_path, monkeypatch):
    """`transfer/hub_local` calls the module that its configuration names, and a module can run code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("module: payload\n")
    (tmp_path / "space.yaml").write_text("module: {choice: [payload, other]}\n")
    for option in (["--config", "mine.yaml"], ["--space", "space.yaml"]):
        assert main(["tune", "transfer/hub_local", "--smoke", "--trials", "1", "--out", "new", *option]) == 2
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    (tmp_path / "old/search.yaml").write_text("recipe: transfer/hub_local\nspace: {}\nconfig: {module: payload}\n")
    assert main(["tune", "transfer/hub_local", "--resume", "--out", "old"]) == 2


def test_killed_chief(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tensorsmith.tools.commands.tune.run_search_workers", lambda *_: -signal.SIGKILL)
    folder = tmp_path / "the search"
    assert tune(folder, "--parallel", "2") == 128 + signal.SIGKILL
    said = capsys.readouterr().err
    assert "The process that assigns trials was killed by SIGKILL. To resume the search: tensorsmith tune " in said
    assert f"--out '{folder}' --resume --parallel 2" in said
