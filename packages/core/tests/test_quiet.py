"""Tests of the delayed and silent import of TensorFlow."""

import os
import subprocess
import sys

import pytest

from tensorsmith.core import load_tensorflow


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_import_is_lazy():
    result = python("import sys, tensorsmith.core; print('tensorflow' in sys.modules, 'keras' in sys.modules)")
    assert result.stdout.split() == ["False", "False"]


def test_nothing_is_printed():
    result = python("from tensorsmith.core import load_tensorflow; load_tensorflow(); import tensorflow")
    assert result.returncode == 0
    assert not result.stdout + result.stderr


def test_other_keras_backend(monkeypatch):
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "torch")
    with pytest.raises(ImportError, match="unset KERAS_BACKEND"):
        load_tensorflow()
