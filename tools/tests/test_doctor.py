"""Tests of `tensorsmith doctor` on this machine and on simulated incompatible machines."""

import importlib.util
import json
import subprocess
import sys

import pytest
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.ops.library import library_path
from tensorsmith.tools.commands.doctor import TENSORFLOWS, built_kernels, known_problems

GOOD = {"tensorflow": "2.21.0", "keras": "3.15.1", "tensorboard": "2.21.0"}


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_healthy_environment(command):
    result = command("doctor", "--full")
    assert result.returncode == 0, result.stdout + result.stderr
    assert tf.__version__ in result.stdout
    assert "layer_norm" in result.stdout
    assert "none known" in result.stdout


@pytest.mark.slow  # takes seconds
@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
def test_unavailable_kernels(tensorsmith, monkeypatch):
    monkeypatch.setenv("TENSORSMITH_OPS_LEVEL", "avx1024")
    result = tensorsmith("doctor", "--json", "--full")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert tf.__version__ in [found["versions"].get(name) for name in TENSORFLOWS]
    assert found["kernels"]["instruction set"] == ""
    (problem,) = found["problems"]
    assert "Compiled kernels are disabled" in problem
    assert "'avx1024'" in problem


@pytest.mark.slow  # takes seconds
@pytest.mark.parametrize(("choice", "found"), [("reference", []), ("fast", ["got 'fast'"])])
def test_kernels_disabled_by_environment(tensorsmith, monkeypatch, choice, found):
    monkeypatch.setenv("TENSORSMITH_OPS", choice)
    result = tensorsmith("doctor", "--json", "--full")
    assert result.returncode == bool(found)
    said = json.loads(result.stdout)
    assert "TENSORSMITH_OPS" in said["kernels"]["fallback reason"]
    assert len(said["problems"]) == len(found)
    assert all(part in problem for part, problem in zip(found, said["problems"], strict=True))


def test_quick_report_does_not_import_tensorflow(tmp_path, monkeypatch):
    code = (
        "import sys; from tensorsmith.tools.main import main; main(['doctor', '--json']); "
        "print('tensorflow' in sys.modules, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == "False\n"
    assert json.loads(result.stdout)["kernels"]["library"] == str(library_path())


def test_report_of_missing_library(tmp_path, monkeypatch):
    (tmp_path / "tensorsmith/ops").mkdir(parents=True)
    (tmp_path / "tensorsmith/ops/__init__.py").write_text("raise AssertionError('imported')")
    (tmp_path / "tensorsmith/ops/not_built.txt").write_text("there is no C++ compiler")
    spec = importlib.util.spec_from_file_location(
        "tensorsmith.ops",
        tmp_path / "tensorsmith/ops/__init__.py",
        submodule_search_locations=[str(tmp_path / "tensorsmith/ops")],
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    assert built_kernels()["fallback reason"] == "there is no C++ compiler"


def problems(versions=(), environment=(), without=()):
    found = {name: version for name, version in {**GOOD, **dict(versions)}.items() if name not in without}
    return list(known_problems(found, dict(environment)))


def test_known_problems():
    assert problems() == []
    (missing,) = problems(without=["tensorboard"])
    assert "pip install tensorboard" in missing
    assert "keras-tuner" not in missing
    (missing,) = problems({"keras-tuner": "1.4.8"}, without=["tensorboard"])
    assert "keras-tuner" in missing
    for versions, word in [
        ({"tensorflow-addons": "0.23.0"}, "TensorFlow Addons"),
        ({"tf-agents": "0.19.0"}, "TF-Agents"),
        ({"tensorflow": "2.15.1"}, "runs on 2.18 to 2.21"),
        ({"keras": "2.15.0"}, "needs 3.12"),
    ]:
        (problem,) = problems(versions)
        assert word in problem
    for environment, word in [
        ({"KERAS_BACKEND": "jax"}, "unset KERAS_BACKEND"),
        ({"TF_USE_LEGACY_KERAS": "1"}, "Keras 2"),
    ]:
        (problem,) = problems(environment=environment)
        assert word in problem
    assert problems({"tensorflow-addons": "0.23.0", "tensorsmith-addons": "0.1.0"}) == []
    assert problems({"tensorflow-cpu": "2.21.0"}, without=["tensorflow"]) == []
    assert problems(environment={"TF_USE_LEGACY_KERAS": "0", "KERAS_BACKEND": "tensorflow"}) == []
