"""Tests of the type aliases, which can be imported without TensorFlow and Keras."""

import ast
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tensorsmith.core import types

TREE = ast.parse(Path(types.__file__).read_text())
ALIASES = [node.target.id for node in ast.walk(TREE) if isinstance(node, ast.AnnAssign)]


def test_import_is_lazy():
    code = "import sys, tensorsmith.core.types; print({'keras', 'numpy', 'tensorflow'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


@pytest.mark.parametrize("alias", ALIASES)
def test_alias_can_be_used_at_run_time(alias):
    assert getattr(types, alias) | None is not None


def test_every_alias_has_a_comment():
    lines = Path(types.__file__).read_text().splitlines()
    above = {line.split(":")[0].strip(): before.strip() for before, line in pairwise(lines)}
    assert all(above[alias].startswith("#") for alias in ALIASES)
