"""Tests of the pytest plugin and of the subprocess with two logical CPUs."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

from tensorsmith.testing import ConformanceError, raises_argument_error, workers
from tensorsmith.testing.conformance_file import load_rows
from tensorsmith.testing.workers import ask_two_cpus

pytest_plugins = ["pytester"]
REPLICAS = Path(__file__).with_name("replicas.py")

TABLE = """
import math

import keras
from tensorsmith.testing import ScheduleRow

@keras.saving.register_keras_serializable("kit")
class Sound(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return keras.ops.cast(step, "float32")

    def get_config(self):
        return {}

@keras.saving.register_keras_serializable("kit")
class Broken(Sound):
    def __call__(self, step):
        return math.exp(step)

ROWS = [ScheduleRow(Sound, steps=[0, 3]), ScheduleRow(Broken, steps=[0, 3], name="bad-one")]
"""


@pytest.mark.parametrize("row", ["UnevenLayer", "UnevenLoss", "UnevenMetric", "UnevenSchedule", "AveragingOptimizer"])
def test_mirrored_strategy_detects_defect(row):
    with pytest.raises(ConformanceError, match=f"{row} fails mirrored_strategy: one device and two replicas differ"):
        ask_two_cpus(REPLICAS, row, "mirrored_strategy")


def test_mirrored_strategy_detects_training_defect():
    with pytest.raises(ConformanceError, match="a training step on one device and two replicas differ"):
        ask_two_cpus(REPLICAS, "UnevenGradient", "mirrored_strategy")


@pytest.mark.parametrize(
    "row",
    [
        "Dense",
        "BatchNormalization",
        "Dropout",
        "MeanSquaredError",
        "unreduced",
        "MeanAbsoluteError",
        "ExponentialDecay",
        "Adam",
    ],
)
def test_mirrored_strategy_passes(row):
    ask_two_cpus(REPLICAS, row, "mirrored_strategy")


@pytest.mark.slow
def test_plugin_reports_row_and_check(pytester):
    # Runs in a subprocess because pytester resets imported modules, and NumPy cannot be imported twice.
    pytester.makepyfile(conformance=TABLE)
    result = pytester.runpytest_subprocess("-v", "-k", "not mirrored", "--import-mode=importlib")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random(
        [
            "conformance.py::Sound::config_round_trip PASSED*",
            "conformance.py::bad-one::config_round_trip PASSED*",
            "conformance.py::bad-one::eager_equals_function FAILED*",
            "bad-one fails eager_equals_function (Checks that eager execution and `tf.function` give*",
        ]
    )
    result.assert_outcomes(passed=9, failed=1, deselected=2)


def test_slow_row(pytester):
    table = TABLE.replace(
        'ScheduleRow(Broken, steps=[0, 3], name="bad-one")', "ScheduleRow(Broken, steps=[0], slow=True)"
    )
    pytester.makepyfile(conformance=table)
    result = pytester.runpytest_inprocess("--collect-only", "-q", "-m", "slow", "--import-mode=importlib")
    result.stdout.fnmatch_lines(["conformance.py::Broken::eager_equals_function"])
    result.stdout.no_fnmatch_line("*Sound*")


def test_invalid_table(pytester):
    pytester.makepyfile(conformance="import tensorsmith.testing\n\nROWS = 3")
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ROWS must be a list of LayerRow*, got 3*"])


def test_unrelated_conformance_file_is_ignored(pytester):
    pytester.makepyfile(conformance="raise RuntimeError('not a table of ours')")
    assert pytester.runpytest_inprocess().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_duplicate_row_names(tmp_path):
    path = tmp_path / "conformance.py"
    path.write_text(TABLE.replace(', name="bad-one"', "").replace("(Broken", "(Sound"))
    with raises_argument_error(
        "name", received="'Sound'", expected="unique among the rows of", remedy="pass `name` to one of the rows"
    ):
        load_rows(path)


def test_dead_worker_is_replaced():
    @functools.cache
    def worker():
        return workers._start(["-c", "import sys; sys.stdin.readline(); sys.exit(3)"])

    first = worker()
    with pytest.raises(RuntimeError, match="exited with status 3"):
        workers._ask(worker, {})
    first.communicate()
    second = worker()
    assert second is not first
    second.communicate()


def test_the_plugin_does_not_load_tensorflow():
    code = "import sys, tensorsmith.testing.plugin; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
