"""Tests of settings that all supervised recipes share, and of the extension of finished runs."""

import csv
import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from tensorsmith.recipes import RunFailedError, RunInterruptedError, RunRequest, TrainedRun, launch
from tensorsmith.recipes.curves import plot_curves
from tensorsmith.testing import raises_argument_error

REGRESSION = '''
"""Linear regression with few noisy examples, so that the validation loss increases again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    epochs: int = 4  # passes over the examples
    batch_size: int = 5  # examples per step
    cosine: bool = False  # whether the rate decays to 0
    seed: int = 0  # of the examples


def build_data(config):
    import numpy as np

    generator = np.random.default_rng(config.seed)
    x = generator.normal(size=(60, 20)).astype("float32")
    y = x[:, :1] + generator.normal(size=(60, 1)).astype("float32")
    return {"train": (x[:20], y[:20]), "validation": (x[20:], y[20:])}


def build_trainer(config):
    import keras
    from tensorsmith.schedules import CosineDecay
    from tensorsmith.training import Trainer

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(1)])
    rate = CosineDecay(0.05, "100%") if config.cosine else 0.05
    return Trainer(model, keras.optimizers.SGD(rate, momentum=0.9), "mse", jit=False)
'''


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "regression.py"
    path.write_text(REGRESSION)
    return str(path)


def history(folder, name="val_loss"):
    return [float(row[name]) for row in csv.DictReader((folder / "history.csv").read_text().splitlines())]


def validation_loss(path):
    model = keras.saving.load_model(path)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 20)).astype("float32")
    y = x[:, :1] + generator.normal(size=(60, 1)).astype("float32")
    return float(np.mean((model.predict(x[20:], verbose=0) - y[20:]) ** 2))


def test_extended_run_matches_longer_run(recipe, tmp_path, caplog):
    launch(RunRequest(recipe, ["--epochs", "7"], out=tmp_path / "whole"))
    launch(RunRequest(recipe, out=tmp_path / "run"))
    assert launch(RunRequest(recipe, out=tmp_path / "run", resume=True)).metrics is None
    with caplog.at_level(logging.INFO, "tensorsmith.recipes"):
        extended = launch(RunRequest(recipe, ["--epochs", "7"], out=tmp_path / "run", resume=True))
    assert f"Resuming {tmp_path}/run at epoch 5 of 7." in caplog.text
    assert json.loads((tmp_path / "run/metrics.json").read_text()) == extended.metrics
    for name in ("history.csv", "config.yaml"):
        assert (tmp_path / "run" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_extension_that_changes_the_schedule(recipe, tmp_path, caplog):
    launch(RunRequest(recipe, ["--cosine", "true"], out=tmp_path / "run"))
    before = {name: (tmp_path / "run" / name).read_text() for name in ("config.yaml", "metrics.json", "history.csv")}
    with (
        caplog.at_level(logging.INFO, "tensorsmith.recipes"),
        pytest.raises(RunFailedError, match=r"rate of CosineDecay after epoch 1 is 0\.0481 instead of 0\.0427"),
    ):
        launch(RunRequest(recipe, ["--epochs", "8"], out=tmp_path / "run", resume=True))
    assert "Resuming" not in caplog.text
    assert before == {name: (tmp_path / "run" / name).read_text() for name in before}


def test_extension_in_half_precision(tmp_path):
    """Tests that a schedule in steps does not prevent the extension of a run with loss scaling."""
    path = tmp_path / "half.py"
    path.write_text(REGRESSION.replace('CosineDecay(0.05, "100%")', "CosineDecay(0.05, 30)"))
    settings = {"precision": "mixed_float16"}
    launch(RunRequest(str(path), ["--cosine", "true"], out=tmp_path / "run", settings=settings))
    launch(RunRequest(str(path), ["--epochs", "6"], out=tmp_path / "run", resume=True))
    assert len(history(tmp_path / "run")) == 6


@pytest.mark.parametrize(
    "schedule",
    ['PiecewiseConstant(["50%"], [0.05, 0.005])', "keras.optimizers.schedules.CosineDecay(0.05, 4 * config.epochs)"],
)
def test_extension_with_other_schedules(tmp_path, schedule):
    """Tests a schedule with equal rates at the last step, and one of Keras, both in a wrapped optimizer."""
    path = tmp_path / "other.py"
    text = REGRESSION.replace('CosineDecay(0.05, "100%")', schedule)
    text = text.replace("import CosineDecay", "import PiecewiseConstant")
    text = text.replace("keras.optimizers.SGD(rate, momentum=0.9)", "Lookahead(keras.optimizers.SGD(rate))")
    path.write_text(
        text.replace("import Trainer\n", "import Trainer\n    from tensorsmith.optimizers import Lookahead\n")
    )
    launch(RunRequest(str(path), ["--cosine", "true"], out=tmp_path / "run"))
    with pytest.raises(RunFailedError, match="depends on the number of epochs"):
        launch(RunRequest(str(path), ["--epochs", "8"], out=tmp_path / "run", resume=True))


def test_extension_after_early_stopping(recipe, tmp_path):
    """The extended run continues at the last epoch, for at least as many epochs as the patience."""
    settings = {"early_stopping": 2, "save_best": "val_loss"}
    first = launch(RunRequest(recipe, ["--epochs", "60"], out=tmp_path / "run", settings=settings))
    losses = history(tmp_path / "run")
    best = losses.index(min(losses)) + 1
    assert first.metrics["stopped"] == (
        f"Early stopping ended the run after epoch {best + 2} of 60: val_loss has not improved since epoch {best}. "
        f"The weights of epoch {best} were restored."
    )
    assert launch(RunRequest(recipe, out=tmp_path / "run", resume=True)).metrics is None
    with raises_argument_error("--epochs", expected=f">= {best + 2} for the finished run"):
        launch(RunRequest(recipe, ["--epochs", str(best)], out=tmp_path / "run", resume=True))
    extended = launch(RunRequest(recipe, ["--epochs", str(best + 3)], out=tmp_path / "run", resume=True))
    assert history(tmp_path / "run")[: best + 2] == losses
    assert len(history(tmp_path / "run")) == best + 3
    assert f"epochs: {best + 3} " in (tmp_path / "run/config.yaml").read_text()
    assert extended.metrics["stopped"] == f"The weights of epoch {best} were restored."
    launch(RunRequest(recipe, ["--epochs", "60"], out=tmp_path / "run", resume=True))
    assert len(history(tmp_path / "run")) >= best + 5  # the patience counts again from the extension on


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("LambdaCallback", {"on_epoch_end": 5}, "TypeError: 'int' object is not callable"),
        ("EarlyStopping", {"monitor": "\x1b[31m"}, r"ValueError: .*monitor=\\x1b\[31m"),
    ],
)
def test_failing_callbacks_are_named(name, arguments, reason, recipe, tmp_path):
    settings = {"callbacks": [{"class_path": f"keras.callbacks.{name}", "init_args": arguments}]}
    expected = rf"The callback keras\.callbacks\.{name} failed at .*callback.*\.py, line \d+: {reason}"
    with pytest.raises(RunFailedError, match=expected):
        launch(RunRequest(recipe, out=tmp_path / "run", settings=settings))


def test_errors_of_the_recipe_keep_their_type(recipe, tmp_path):
    (tmp_path / "regression.py").write_text(REGRESSION.replace('"mse"', "lambda y, z: 1 / 0"))
    settings = {"callbacks": ["keras.callbacks.TerminateOnNaN"]}
    with pytest.raises(ZeroDivisionError):
        launch(RunRequest(recipe, out=tmp_path / "run", settings=settings))


def test_curves_of_unusual_metrics(tmp_path):
    plot_curves({}, tmp_path / "none.png")
    plot_curves({"a$b^$": [1.0], "\ud800\x1b[31m": [1.0, 2.0]}, tmp_path / "curves.png")
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_stop_by_another_callback(recipe, tmp_path):
    settings = {"callbacks": [{"class_path": "tensorsmith.training.TimeStopping", "init_args": {"seconds": 1e-9}}]}
    stopped = launch(RunRequest(recipe, out=tmp_path / "run", settings=settings)).metrics["stopped"]
    assert stopped == "A callback stopped the run after epoch 1 of 4."
    assert launch(RunRequest(recipe, out=tmp_path / "whole")).metrics["stopped"] is None


def test_resume_with_fewer_epochs_than_completed(recipe, tmp_path):
    launch(RunRequest(recipe, out=tmp_path / "run"))
    (tmp_path / "run/metrics.json").unlink()
    before = (tmp_path / "run/config.yaml").read_text()
    with pytest.raises(RunFailedError, match="epochs must be >= 4, the epoch of the checkpoint to resume, got 3"):
        launch(RunRequest(recipe, ["--epochs", "3"], out=tmp_path / "run", resume=True))
    assert (tmp_path / "run/config.yaml").read_text() == before


def test_resume_with_the_same_flags(recipe, tmp_path):
    (tmp_path / "mine.yaml").write_text("epochs: 3\nsave_best: val_loss\n")
    flags, config = ["--batch_size", "10", "--cosine=true"], tmp_path / "mine.yaml"
    request = RunRequest(recipe, flags, config=config, out=tmp_path / "run")
    launch(request)
    assert launch(dataclasses.replace(request, resume=True)).metrics is None
    with raises_argument_error("--resume", received="other values of --batch_size than the run"):
        launch(dataclasses.replace(request, flags=["--batch_size", "5"], resume=True))


def test_recipe_that_has_moved(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    launch(RunRequest("regression.py", out=tmp_path / "run"))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert TrainedRun(tmp_path / "run", trust=True).file.path == tmp_path / "regression.py"
    (tmp_path / "regression.py").rename(tmp_path / "other/regression.py")
    extended = launch(RunRequest("regression.py", ["--epochs", "5"], out=tmp_path / "run", resume=True))
    assert extended.metrics is not None


def test_extension_by_fewer_epochs(recipe, tmp_path):
    launch(RunRequest(recipe, out=tmp_path / "run"))
    assert launch(RunRequest(recipe, ["--epochs", "4"], out=tmp_path / "run", resume=True)).metrics is None
    with raises_argument_error("--epochs", expected=">= 4 for the finished run", remedy="pass --epochs N with N > 4"):
        launch(RunRequest(recipe, ["--epochs", "3"], out=tmp_path / "run", resume=True))


def test_early_stopping_restores_best_epoch(recipe, tmp_path):
    settings = {"early_stopping": 2, "save_best": "val_loss"}
    result = launch(RunRequest(recipe, ["--epochs", "60"], out=tmp_path / "run", settings=settings))
    losses = history(tmp_path / "run")
    best = losses.index(min(losses))
    assert best < len(losses) - 1
    assert best == len(losses) - 3  # training stopped after two epochs without a better loss
    assert result.metrics["validation"]["loss"] == pytest.approx(losses[best])
    for name in ("best.keras", "model.keras"):
        assert validation_loss(tmp_path / "run" / name) == pytest.approx(losses[best], rel=1e-5)
    assert "early_stopping: 2\nsave_best: val_loss\n" in (tmp_path / "run/config.yaml").read_text()


def test_precision_applies_to_the_run_only(recipe, tmp_path):
    launch(RunRequest(recipe, out=tmp_path / "run", settings={"precision": "mixed_bfloat16"}))
    model = keras.saving.load_model(tmp_path / "run/model.keras")
    assert {layer.dtype_policy.name for layer in model.layers} == {"mixed_bfloat16"}
    assert keras.config.dtype_policy().name == "float32"


def test_checkpoint_settings(recipe, tmp_path):
    """Tests that a setting of the checkpoints can be changed in a resumed run, unlike other settings."""
    settings = {"checkpoint_every": "1 epochs", "checkpoint_keep": 3}
    launch(RunRequest(recipe, out=tmp_path / "run", settings=settings))
    names = {path.name for path in (tmp_path / "run/checkpoints").iterdir()}
    assert names == {f"epoch-00000{epoch}-step-000000000" for epoch in (2, 3, 4)}
    again = RunRequest(recipe, ["--epochs", "5"], out=tmp_path / "run", resume=True, settings={"checkpoint_keep": 1})
    launch(again)
    assert len(list((tmp_path / "run/checkpoints").iterdir())) == 1
    with raises_argument_error("--resume", received="other values of --save-best than the run"):
        launch(RunRequest(recipe, out=tmp_path / "run", resume=True, settings={"save_best": "loss"}))


def test_callbacks_of_configuration(recipe, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "callbacks:\n- keras.callbacks.TerminateOnNaN\n"
        "- class_path: keras.callbacks.CSVLogger\n  init_args: {filename: log.csv}\n"
    )
    launch(RunRequest(recipe, config=tmp_path / "mine.yaml", out=tmp_path / "run"))
    assert len((tmp_path / "run/log.csv").read_text().splitlines()) == 5
    assert launch(RunRequest(recipe, config=tmp_path / "run/config.yaml", out=tmp_path / "again")).metrics


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"checkpoint_every": "2 epohcs"}, "Did you mean epochs?"),
        ({"checkpoint_keep": 0}, "checkpoint_keep must be >= 1, got 0"),
        ({"early_stopping": 0}, "early_stopping must be a number of epochs >= 1"),
        ({"save_best": "val_acc"}, "such as val_loss or val_accuracy, got 'val_acc'"),
        ({"save_best": "val_accuracy"}, "--save-best must be one of the metrics learning_rate, loss, val_loss"),
        ({"callbacks": [{"class_path": "keras.callbacks.CSVLogger", "init_args": ["a"]}]}, "init_args"),
        ({"precision": "bfloat16"}, "Did you mean mixed_bfloat16?"),
        ({"callbacks": "keras.callbacks.CSVLogger"}, "callbacks must be a list"),
        ({"callbacks": [{"name": "CSVLogger"}]}, "mappings with the keys class_path and init_args"),
        ({"callbacks": ["keras.callbacks.CSVLoger"]}, "callbacks must be the import path of a Keras callback"),
        ({"callbacks": ["no_such.Callback"]}, "no module named no_such was found"),
        ({"callbacks": ["keras.losses.Loss"]}, "callbacks must be the import path of a Keras callback"),
        ({"callbacks": ["keras.callbacks.CSVLogger"]}, "missing 1 required positional argument: 'filename'"),
    ],
)
def test_invalid_settings(recipe, tmp_path, settings, message):
    with pytest.raises((ValueError, RunFailedError)) as error:
        launch(RunRequest(recipe, out=tmp_path / "run", settings=settings))
    assert message in str(error.value)
    assert not (tmp_path / "run").exists()  # so that --resume does not find it


def test_sigterm_before_training(recipe, tmp_path):
    """Tests that a signal that arrives before the first step is reported like one during training."""
    path = tmp_path / "killed.py"
    kill = f"    import os\n\n    os.kill({os.getpid()}, {int(signal.SIGTERM)})\n"
    path.write_text(REGRESSION.replace("def build_trainer(config):\n", f"def build_trainer(config):\n{kill}"))
    with pytest.raises(RunInterruptedError) as error:
        launch(RunRequest(str(path), ["--epochs", "3"], out=tmp_path / "run", settings={"early_stopping": 9}))
    assert error.value.exit_code == 143
    assert error.value.command[:2] == ["run", str(path)]
    path.write_text(REGRESSION)
    launch(RunRequest(str(path), out=tmp_path / "run", resume=True))
    assert len(history(tmp_path / "run")) == 3


def test_lost_epochs_are_reported(recipe, tmp_path, caplog):
    """Tests the report after a kill, which is simulated by removing the last checkpoints."""
    launch(RunRequest(recipe, out=tmp_path / "run", settings={"checkpoint_every": "1 epochs", "checkpoint_keep": 9}))
    (tmp_path / "run/metrics.json").unlink()
    for epoch in (3, 4):
        (tmp_path / f"run/checkpoints/epoch-00000{epoch}-step-000000000").rename(tmp_path / f"lost-{epoch}")
    with caplog.at_level(logging.INFO, "tensorsmith.recipes"):
        launch(RunRequest(recipe, out=tmp_path / "run", resume=True))
    assert "at epoch 3 of 4. Epochs completed after the last checkpoint, which are repeated: 2." in caplog.text


LOAD_WITHOUT_TENSORSMITH = """
import sys

sys.modules["tensorsmith"] = None  # any import of tensorsmith fails
import keras
import numpy as np

print(keras.saving.load_model(sys.argv[1]).predict(np.zeros((1, 20)), verbose=0).shape)
"""


@pytest.mark.slow  # imports Keras in another process
def test_model_of_keras_layers_without_tensorsmith(tmp_path):
    """The saved models do not contain the optimizer, whose class Keras could not load."""
    path = tmp_path / "ours.py"
    text = REGRESSION.replace("keras.optimizers.SGD", "SGD").replace(
        "import Trainer\n", "import Trainer\n    from tensorsmith.optimizers import SGD\n"
    )
    path.write_text(text)
    launch(RunRequest(str(path), out=tmp_path / "run", settings={"save_best": "val_loss"}))
    for name in ("model.keras", "best.keras"):
        command = [sys.executable, "-c", LOAD_WITHOUT_TENSORSMITH, tmp_path / "run" / name]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.stdout == "(1, 1)\n", result.stderr
