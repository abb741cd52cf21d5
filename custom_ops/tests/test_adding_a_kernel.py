"""The README's walk through adding a kernel, done: its four files are built, tested and benchmarked."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CUSTOM_OPS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A folder with the README's files and a library with its kernel."""
    folder = tmp_path_factory.mktemp("walk")
    section = (CUSTOM_OPS / "README.md").read_text().partition("## Adding a kernel")[2]
    for match in re.finditer(
        r"^\*\*[^`]*`(?P<file>\S+)`.*?^```\w+\n(?P<text>.*?)^```", section, re.DOTALL | re.MULTILINE
    ):
        path = folder / ("benchmark.py" if "benchmarks" in match["file"] else Path(match["file"]).name)
        path.write_text(match["text"])
    (folder / "conftest.py").write_text((CUSTOM_OPS / "tests/conftest.py").read_text())
    code = "from pathlib import Path; from build_library import build; build(Path('ours.so'), [Path('squareplus.cc')])"
    run(folder, "-c", code, PYTHONPATH=str(CUSTOM_OPS))
    return folder


def run(folder, *arguments, **environment):
    result = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_its_tests_pass(walk):
    library = {"TENSORSMITH_OPS_LIBRARY": str(walk / "ours.so")}
    said = run(
        walk, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_squareplus.py", PYTHONPATH=str(walk), **library
    )
    assert re.search(r"^8 passed", said, re.MULTILINE)


def test_its_benchmark_works(walk):
    code = "import benchmark; [case.work(name)() for case in benchmark.CASES.values() for name in case.providers]"
    run(walk, "-c", code, TENSORSMITH_OPS_LIBRARY=str(walk / "ours.so"))
