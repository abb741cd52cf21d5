"""Tests of loading the library: levels, error messages, and symbols."""

import _ctypes
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library_path
from tensorsmith.testing import raises_argument_error

CUSTOM_OPS = Path(__file__).parents[2]
PROGRAM = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from tensorsmith import ops
    print(ops.layer_norm([[1.0, 3.0]], epsilon=0.0).numpy())  # reference or kernel
    print(ops.rms_norm([[3.0, 4.0]], epsilon=0.0).numpy().round(4))
print("active", ops.active(), ops.library().level)
print(*[warning.message for warning in caught if warning.category is RuntimeWarning], sep=chr(10))
"""


# Imports TensorFlow once, and runs each program in a fork of itself, with environment variables.
SERVER = """
import json, os, sys
from tensorsmith.core import load_tensorflow
load_tensorflow()
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        program, variables = json.loads(line)
        os.environ.update(variables)
        exec(program)
        sys.stdout.flush()
        os._exit(0)
    print("status", os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture(scope="module")
def fork():
    """Function that runs a program in a new process with environment variables and returns its output."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    # A process with several threads must not be forked.
    environment = {"PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", SERVER], env=environment, **pipes) as server:

        def call(program, **variables):
            print(json.dumps([program, variables]), file=server.stdin, flush=True)
            lines = []
            while not (line := server.stdout.readline()).startswith("status "):
                assert line, "the server exited"
                lines.append(line)
            assert line == "status 0\n", lines
            return "".join(lines)

        yield call
        server.stdin.close()


@pytest.fixture
def run(fork):
    """Function that calls two ops in a new process with environment variables and returns its output."""

    def call(**variables):
        said = fork(PROGRAM, **variables)
        assert said.startswith("[[-1.  1.]]\n[[0.8485 1.1314]]\n")
        return said

    return call


def expect_references_and_one_warning(said, reason, remedy="install a C++ compiler"):
    assert "active False" in said
    (warning,) = re.findall(r"^tensorsmith's compiled ops are off.*$", said, re.MULTILINE)
    assert re.search(reason, warning)
    assert f"TensorFlow {tf.__version__}" in warning
    assert re.search(r"tensorsmith-ops \d+\.\d+", warning)
    assert f"To fix this, {remedy}" in warning


@pytest.mark.slow
def test_missing_library(tmp_path, run):
    said = run(TENSORSMITH_OPS_LIBRARY=str(tmp_path / "lib.so"))
    expect_references_and_one_warning(said, rf"there is no lib.so in {re.escape(str(tmp_path))}")


@pytest.mark.slow
def test_library_not_built(tmp_path, run):
    (tmp_path / "not_built.txt").write_text("it was not built: there is no C++ compiler here\n")
    said = run(TENSORSMITH_OPS_LIBRARY=str(tmp_path / "lib.so"))
    expect_references_and_one_warning(said, "it was not built: there is no C")


@pytest.mark.slow
def test_library_of_other_architecture(tmp_path, run):
    content = bytearray(library_path().read_bytes())
    content[18:20] = (243).to_bytes(2, "little")  # RISC-V, in the machine field of the ELF header
    (tmp_path / "lib.so").write_bytes(content)
    said = run(TENSORSMITH_OPS_LIBRARY=str(tmp_path / "lib.so"))
    expect_references_and_one_warning(said, "cannot open shared object file|wrong ELF class|invalid ELF header")


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"not a library"])
def test_damaged_library(tmp_path, run, content):
    (tmp_path / "lib.so").write_bytes(content)
    said = run(TENSORSMITH_OPS_LIBRARY=str(tmp_path / "lib.so"))
    expect_references_and_one_warning(said, "file too short|invalid ELF header")


@pytest.mark.slow
def test_unrelated_library(tmp_path, run):
    shutil.copy(_ctypes.__file__, tmp_path / "lib.so")
    said = run(TENSORSMITH_OPS_LIBRARY=str(tmp_path / "lib.so"))
    expect_references_and_one_warning(said, "lib.so is a different library", "unset TENSORSMITH_OPS_LIBRARY")


@pytest.mark.slow
def test_unknown_level(run):
    said = run(TENSORSMITH_OPS_LEVEL="avx1024")
    reason = "TENSORSMITH_OPS_LEVEL is 'avx1024', and this machine runs .*baseline"
    expect_references_and_one_warning(said, reason, "unset TENSORSMITH_OPS_LEVEL")


@pytest.mark.slow
@pytest.mark.parametrize("level", ops.library().levels)
def test_level_can_be_forced(run, level):
    assert run(TENSORSMITH_OPS_LEVEL=level).endswith(f"active True {level}\n\n")


@pytest.mark.slow
def test_reference_by_environment_does_not_warn(run):
    assert "active False" in (said := run(TENSORSMITH_OPS="reference"))
    assert "compiled ops are off" not in said


@pytest.mark.slow
def test_no_stray_symbols():
    """All weak symbols contain the name of their level, so that the linker cannot merge them across levels."""
    objects = [path for path in (CUSTOM_OPS / "build").glob("*.o") if path.is_file()]
    assert objects
    levels = set()
    for path in objects:
        if b"__asan_" in path.read_bytes():
            continue  # built by `make test-sanitize`, without inlining
        said = subprocess.run(["nm", "-C", "--defined-only", path], capture_output=True, text=True, check=True).stdout
        level = re.search("tensorsmith::(avx2|avx512)::", said)
        if level:
            levels.add(level[1])
            weak = [line for line in said.splitlines() if re.search(" [WVu] ", line)]
            assert not [line for line in weak if level[1] not in line and "DW.ref." not in line], path.name
    assert levels == {"avx2", "avx512"} or ops.library().levels == ("baseline",)


def test_only_c_api_symbols():
    """The library has no symbols of TensorFlow's C++ API, which changes with every release."""
    said = subprocess.run(["nm", "-D", "--undefined-only", library_path()], capture_output=True, text=True, check=True)
    names = re.findall(r" U (\S+)", said.stdout)
    assert any(name.startswith("TF_") for name in names)
    assert not [name for name in names if "tensorflow" in name or "absl" in name or "google" in name]


def test_use():
    x = tf.ones(3)
    assert compiled(x)
    with ops.use("reference"):
        assert not compiled(x)
        with ops.use("compiled"):
            assert compiled(x)
    assert compiled(x)
    with raises_argument_error("choice", received="'fast'", expected="compiled or reference"), ops.use("fast"):
        pass
    assert compiled(x)


def test_use_blocks_exit_in_any_order():
    first, second = ops.use("reference"), ops.use("reference")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not ops.active()
    second.__exit__(None, None, None)
    assert ops.active()


@pytest.mark.parametrize("count", [-1, 2.5, "a"])
def test_invalid_thread_counts(count):
    with raises_argument_error("count", expected="a number of threads from 1 to 65535, or 0 for all cores"):
        ops.set_threads(count)


def test_unsupported_dtypes_use_reference():
    assert not compiled(tf.ones(3, tf.float64))
    assert not compiled(tf.ones(3), tf.ones(3, tf.float16), types=(tf.float32, tf.float16))


def kernels_in(function, *arguments):
    graph = function.get_concrete_function(*arguments).graph
    return [node.type for node in graph.get_operations() if node.type.startswith("Tensorsmith")]


def test_xla_uses_reference():
    x = np.float32([[1, 2, 4]])
    plain = tf.function(ops.layer_norm)
    inner = tf.function(lambda x: tf.while_loop(lambda i, _: i < 2, lambda i, x: (i + 1, ops.layer_norm(x)), (0, x))[1])
    xla = tf.function(lambda x: inner(ops.layer_norm(x)), jit_compile=True)
    assert kernels_in(plain, x) == ["TensorsmithLayerNorm"]
    assert kernels_in(tf.function(ops.layer_norm, jit_compile=True), x) == []
    np.testing.assert_allclose(xla(x), inner(plain(x)), rtol=1e-6)  # XLA does not support custom ops


def test_function_named_call_uses_kernels():
    class Module(tf.Module):
        @tf.function
        def __call__(self, x):
            return ops.layer_norm(x)

    assert kernels_in(Module().__call__, np.float32([[1, 2, 4]])) == ["TensorsmithLayerNorm"]


@pytest.mark.parametrize("name", ["ops", "records"])
def test_install_without_compiler(tmp_path, name):
    checkout = shutil.copytree(CUSTOM_OPS, tmp_path / "custom_ops", ignore=shutil.ignore_patterns("build"))
    folder = checkout / name / "src/tensorsmith" / name
    code = "from hatchling.build import build_wheel; print(build_wheel('dist'))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout / name,
        env={"PATH": "/usr/bin:/bin", "CXX": "no-such-compiler"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].endswith("-py3-none-any.whl")
    assert "The C++ compiler 'no-such-compiler' was not found" in (folder / "not_built.txt").read_text()
    assert not list(folder.glob("*.so"))


@pytest.mark.slow
def test_thread_count_follows_tensorflow(fork):
    code = (
        "import ctypes, tensorflow as tf; tf.config.threading.set_intra_op_parallelism_threads(3)\n"
        "from tensorsmith import ops; from tensorsmith.ops.library import library_path; ops.library()\n"
        "print(ctypes.CDLL(str(library_path())).tensorsmith_threads())"
    )
    assert fork(code).split() == ["3"]
