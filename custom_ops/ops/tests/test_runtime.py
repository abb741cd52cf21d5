"""Tests of the runtime with excessive sizes, and with memory and threads that the system does not grant."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops

FAR = 2**62 + 2**20  # times four bytes overflows to 2**22
FAILURES = (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError)


def empty(*shape):
    return tf.zeros(shape)


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        (ops.attention, (empty(1, FAR, 1, 0), empty(1, 1, 1, 0), tf.ones((1, 1, 1, 1)))),
        (ops.simple_rnn, (empty(FAR, 0, 1), tf.ones((1, 1)), tf.ones((1, 1)))),
        (ops.lstm, (empty(2**31, 2**30, 0), empty(0, 4), tf.ones((1, 4)))),
        (ops.layer_norm, (empty(FAR, 0),)),
    ],
)
def test_excessive_sizes(op, arguments):
    with pytest.raises(FAILURES):
        op(*arguments)
    with pytest.raises(FAILURES):
        tf.function(op)(*arguments)


def test_many_empty_rows():
    assert ops.depthwise_max_pool(empty(2**60, 0), 2).shape == (2**60, 0)
    nothing = tf.zeros((2**50, 1, 0), tf.int32)
    assert ops.gather_tree(nothing, nothing, [5], 0).shape == (2**50, 1, 0)
    keys = empty(1, 2**50, 2, 0)
    assert ops.attention(tf.ones((1, 3, 2, 0)), keys, keys).shape == (1, 3, 2, 0)


def test_unsupported_ranks_use_reference(rng):
    x = rng.normal(size=(2, *[1] * 7, 3)).astype("float32")
    flat = x.reshape(2, 3)
    np.testing.assert_allclose(ops.layer_norm(x).numpy().reshape(2, 3), ops.layer_norm(flat), rtol=1e-5)
    np.testing.assert_array_equal(ops.depthwise_max_pool(x, 3).numpy().ravel(), flat.max(axis=1))
    np.testing.assert_allclose(ops.global_norm([x]), np.linalg.norm(flat), rtol=1e-6)


NO_THREADS = """
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
int refuse = 0;
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
  typedef int (*Create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  if (refuse) return EAGAIN;
  return ((Create)dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, start, argument);
}
"""
USER = """
import ctypes, sys
import numpy as np
import tensorflow as tf
from tensorsmith import ops
x = tf.constant(np.random.default_rng(0).normal(size=(4096, 64)), tf.float32)
ops.layer_norm(x[:1])  # TensorFlow has its threads now
ops.set_threads(4)
refuse = ctypes.c_int.in_dll(ctypes.CDLL(sys.argv[1]), "refuse")
refuse.value = 1
alone = ops.layer_norm(x).numpy()
refuse.value = 0
np.testing.assert_array_equal(ops.layer_norm(x).numpy(), alone)
"""


@pytest.mark.slow
def test_thread_creation_failure(tmp_path):
    """The number of processes is limited, as in a container."""
    source, library = tmp_path / "no_threads.c", tmp_path / "no_threads.so"
    source.write_text(NO_THREADS)
    compiler = os.environ.get("CXX", "c++")
    arguments = ["-shared", "-fPIC", "-D_GNU_SOURCE", "-x", "c", str(source), "-o", str(library), "-ldl"]
    subprocess.run([compiler, *arguments], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    result = subprocess.run([sys.executable, "-c", USER, library], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
