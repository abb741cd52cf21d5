"""Tests that each package can be installed by the command in its README and imported in an empty environment."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from wheels import FOLDERS, LOCK, LOCKED, ROOT, TENSORFLOW, uv

from tensorsmith.recipes.catalog import all_recipes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Copy of the checkout at a new path. At a known path, uv reuses a build as long as pyproject.toml is unchanged.

    It contains the object files of `make setup`, so that only changed sources are compiled again.
    """
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("custom_ops", "packages", "tools", "recipes"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    return copy


@pytest.fixture(scope="module")
def install(checkout, tmp_path_factory):
    """Function that installs a package by the command in its README and returns the folder of executables.

    `--exact` removes packages that are not dependencies, so that one environment can be used for all packages. The
    lock determines the versions, to avoid downloads. `tool.uv.sources` is ignored, because pip does not support it.
    """
    environment = tmp_path_factory.mktemp("installed") / "environment"
    uv("venv", "--python", sys.executable, environment, cwd=checkout)

    def call(project):
        (command,) = re.findall(r"^pip install (\./.*)$", (checkout / project / "README.md").read_text(), re.MULTILINE)
        tables = [tomllib.loads((checkout / word / "pyproject.toml").read_text()) for word in command.split()]
        needs = [text for table in tables for text in table["project"]["dependencies"]]
        more = [TENSORFLOW] if any(Requirement(text).name == "tensorflow" for text in needs) else []
        flags = ["--exact", "--python", environment, "--no-sources", *LOCKED, "--build-constraints", LOCK]
        uv("pip", "install", *flags, *command.split(), *more, cwd=checkout)
        return environment / "bin"

    return call


TFRECORD = """
import importlib.util
import sys
from pathlib import Path

from tensorsmith.tfrecord import convert, examples, find_record_files, infer, open_source, stats, verify

assert not [name for name in ("tensorflow", "keras") if importlib.util.find_spec(name)]
folder = Path(sys.argv[1])
(folder / "people.csv").write_text("name,age\\nAda,36\\nBlaise,39\\nCarl,\\n")
schema = infer(folder / "people.csv")
assert schema.features["age"].optional
source = open_source(folder / "people.csv")
converted = convert(source, folder / "people", name="people", schema=schema, shards=2)
assert (converted.records, converted.rejects, converted.for_tfds) == (3, 0, True)
files = find_record_files([str(folder / "people")])
assert sum(verify(path).records for path in files) == 3
assert stats(files).features["age"].mean == 37.5
try:
    examples(files, schema, batch_size=1)
    raise AssertionError("it needs TensorFlow")
except ImportError as error:
    assert "needs keras, which is not installed" in str(error)
"""


def test_tfrecord_works_without_tensorflow(install, tmp_path):
    python = install("packages/tfrecord") / "python"
    result = subprocess.run([python, "-I", "-c", TFRECORD, tmp_path], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


BRIDGE = "packages/addons"
# These come first, so that TensorFlow is installed and compiled to bytecode only once.
WITHOUT_TENSORFLOW = ("custom_ops/records", "packages/core", "packages/migrate", "packages/runs", "packages/tfrecord")
WITHOUT_ADDONS = pytest.mark.skipif(sys.version_info >= (3, 12), reason="Addons has no wheel for Python 3.12 and later")


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(folder, marks=WITHOUT_ADDONS if folder == BRIDGE else ())
        for folder in sorted(FOLDERS, key=lambda folder: folder not in WITHOUT_TENSORFLOW)
    ],
)
def test_package(folder, install, tmp_path):
    python = install(folder) / "python"
    for source in (ROOT / folder / "src/tensorsmith").iterdir():
        code = f"import tensorsmith.{source.name} as package; print(package.__file__)"
        result = subprocess.run([python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert Path(result.stdout.strip()).is_relative_to(python.parents[1])  # not from the checkout


def test_sdist_of_records_builds_a_wheel(checkout, tmp_path):
    flags = ["--no-sources", "--build-constraints", LOCK, "--out-dir", tmp_path]
    uv("build", *flags, "./custom_ops/records", cwd=checkout)
    (wheel,) = tmp_path.glob("*.whl")
    assert "tensorsmith/records/libtensorsmith_records.so" in zipfile.ZipFile(wheel).namelist()


def test_sdist_of_ops_holds_all_sources(checkout, tmp_path):
    uv("build", "--sdist", "--no-sources", "--out-dir", tmp_path, "./custom_ops/ops", cwd=checkout)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    sources = [(path, root) for root in ("ops", "records") for path in (ROOT / "custom_ops" / root).glob("src/*/*.cc")]
    assert {str(path.relative_to(ROOT / "custom_ops" / root)) for path, root in sources} <= held
    assert {"build_library.py", "library_hook.py", "hatch_build.py"} <= held


def test_tools(install, tmp_path):
    command = [install("tools") / "tensorsmith", "recipes", "--json"]
    listed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert all(f'"{recipe.name}"' in listed.stdout for recipe in all_recipes())


def test_sdist_of_recipes_builds_a_wheel_with_their_files(checkout, tmp_path):
    uv("build", "--no-sources", "--build-constraints", LOCK, "--out-dir", tmp_path, "./packages/recipes", cwd=checkout)
    (wheel,) = tmp_path.glob("*.whl")  # built from the sdist
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {f"tensorsmith/recipes/files/{recipe.name}.py" for recipe in all_recipes()} <= held
