"""Tests with scripts as they were written for TensorFlow Addons: they are complete after the migration, and they run.

A script that uses functions without a successor is incomplete, and the comments name the functions.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tensorsmith.migrate import migrate_files
from tensorsmith.migrate.addons import MOVES
from tensorsmith.migrate.entry import Missing

CORPUS = Path(__file__).parent / "corpus"
FILES = {file.path.name: file.result for file in migrate_files([CORPUS])}
# Names without a successor, in the scripts that use them.
NO_SUCCESSOR = {
    "image_augmentation.py": {"image.rotate", "image.random_cutout", "image.gaussian_filter2d"},
    "optical_flow.py": {"image.dense_image_warp", "image.interpolate_bilinear"},
    "satellite_augment.ipynb": {"image.translate", "image.sharpness"},
    "seq2seq_attention.py": {
        "seq2seq.AttentionWrapper",
        "seq2seq.BasicDecoder",
        "seq2seq.LuongAttention",
        "seq2seq.TrainingSampler",
    },
}
# Scripts for TensorFlow before 2.11, whose optimizers are the legacy ones of later versions, and one with an op.
NOT_WITH_BRIDGE = {
    "average_checkpoint.py",
    "correlation_metrics.py",
    "mixed_precision.py",
    "optical_flow.py",
    "optimizer_factory.py",
    "siamese_contrastive.py",
}
COMPLETE = sorted(FILES.keys() - NO_SUCCESSOR.keys())

# Runs each script of a folder, and prints the results or errors as JSON.
RUN = """
import importlib, json, pathlib, sys, traceback
if sys.argv[2:]:
    importlib.import_module(sys.argv[2])
import numpy as np, tensorflow as tf
results = {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        lines = "".join("".join(cell) + "\\n" for cell in cells).splitlines()
        text = "\\n".join(line for line in lines if not line.startswith(("%", "!")))
    tf.keras.utils.set_random_seed(0)
    try:
        names = {"__name__": "__main__"}
        exec(compile(text, path.name, "exec"), names)
        results[path.name] = [float(value) for value in np.ravel(np.array(names["result"]))]
    except Exception:
        results[path.name] = traceback.format_exc()
    tf.keras.mixed_precision.set_global_policy("float32")
    tf.keras.backend.clear_session()
print("RESULTS" + json.dumps(results))
"""


def run(folder, *modules):
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(folder), *modules]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.rpartition("RESULTS")[2])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Returns the results of the migrated scripts, which run in one process."""
    folder = tmp_path_factory.mktemp("corpus")
    for name in COMPLETE:
        (folder / name).write_bytes(FILES[name].script)
    return run(folder)


def test_size_of_corpus():
    assert len(FILES) >= 40
    assert NO_SUCCESSOR.keys() <= FILES.keys()


@pytest.mark.parametrize("name", COMPLETE)
def test_script_is_complete(name):
    result = FILES[name]
    assert (result.left, result.rejected) == (0, 0), result.script.decode()
    assert result.rewritten
    assert b"tensorflow_addons" not in result.script


@pytest.mark.parametrize("name", NO_SUCCESSOR)
def test_script_is_incomplete(name):
    result = FILES[name]
    expected = {each for each in NO_SUCCESSOR[name] if isinstance(MOVES[each], Missing)}
    assert set(re.findall(r"# tensorsmith migrate: ([\w.]+): no successor", result.script.decode())) == expected
    assert (result.left, result.rejected) == (len(expected), 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPLETE)
def test_migrated_script_runs(name, results):
    assert isinstance(results[name], list), results[name]
    assert all(abs(value) < 1e6 for value in results[name])


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Addons has no wheel for Python 3.12 and later")
def test_scripts_run_with_addons():
    """The scripts are correct before the migration."""
    results = run(CORPUS, "tensorsmith.addons")
    errors = {name: result for name, result in results.items() if isinstance(result, str)}
    assert errors.keys() == NOT_WITH_BRIDGE, "\n".join(errors.values())
