"""Fixtures for the tests of all kernels: comparison with the reference implementation, threads, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops

TOLERANCES = {"float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}
ERRORS = (tf.errors.InvalidArgumentError, tf.errors.DataLossError, ValueError, TypeError)


@pytest.fixture(scope="session", autouse=True)
def compiled_library():
    """Skips the tests if there is no compiler. Any other failure to load the library is an error."""
    if "The C++ compiler" in (reason := ops.library().reason):
        pytest.skip(reason)


def differentiated(function, inputs):
    """Returns the outputs of a function and the gradients of its floating-point inputs for fixed upstream gradients."""
    inputs = [tf.convert_to_tensor(value) for value in inputs]
    watched = [value for value in inputs if value.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = tf.nest.flatten(function(*inputs))
    rng = np.random.default_rng(0)
    upstream = [tf.cast(rng.normal(size=output.shape), output.dtype) for output in outputs if output.dtype.is_floating]
    differentiable = [output for output in outputs if output.dtype.is_floating]
    zero = tf.UnconnectedGradients.ZERO
    return outputs, tape.gradient(differentiable, watched, output_gradients=upstream, unconnected_gradients=zero)


def as_arrays(results):
    return [
        np.array(tf.cast(value, tf.float64) if value.dtype.is_floating else value) for value in tf.nest.flatten(results)
    ]


@pytest.fixture(scope="session")
def agree():
    """Checks outputs and gradients of a compiled kernel against its reference implementation in float64.

    The reference implementation is also checked in the dtype of the kernel. Call the fixture with a function of tensors
    and its inputs as float64 or integer arrays. Floating-point inputs are first rounded to `dtype`, so that both sides
    receive the same values.
    """

    def check(function, *inputs, dtype="float32", tolerance=None):
        rounded = [
            tf.cast(value, dtype) if np.asarray(value).dtype.kind == "f" else tf.constant(value) for value in inputs
        ]
        exact = [tf.cast(value, tf.float64) if value.dtype.is_floating else value for value in rounded]
        with ops.use("compiled"):
            assert ops.active(), ops.library().reason
            ours = as_arrays(differentiated(function, rounded))
            traced = tf.function(lambda *tensors: differentiated(function, tensors), autograph=False)
            in_graph = as_arrays(traced(*rounded))
        with ops.use("reference"):
            reference = as_arrays(differentiated(function, rounded))
        wanted = as_arrays(differentiated(function, exact))
        tolerance = tolerance or TOLERANCES[dtype]
        for mine, graphs, references, precise in zip(ours, in_graph, reference, wanted, strict=True):
            scale = max(1.0, np.abs(precise).max(initial=0))
            np.testing.assert_allclose(mine, precise, rtol=tolerance, atol=tolerance * scale)
            np.testing.assert_allclose(references, precise, rtol=tolerance, atol=tolerance * scale)
            np.testing.assert_array_equal(mine, graphs)

    return check


@pytest.fixture(scope="session")
def second_gradients_agree():
    """Checks the gradients of the squared gradients of a scalar loss against those of the reference implementation."""

    def check(loss, inputs, watched=None):
        inputs = [tf.constant(value, tf.float32) for value in inputs]
        watched = inputs[:watched]

        def gradients():
            with tf.GradientTape() as outer:
                outer.watch(inputs)
                with tf.GradientTape() as inner:
                    inner.watch(watched)
                    value = loss(*inputs)
                penalty = sum(tf.reduce_sum(gradient**2) for gradient in inner.gradient(value, watched))
            return outer.gradient(penalty, inputs)

        ours = gradients()
        with ops.use("reference"):
            reference = gradients()
        for one, other in zip(ours, reference, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)

    return check


@pytest.fixture
def same_for_any_thread_count():
    """Checks that outputs and gradients are bitwise equal with 1, 2 and 7 threads."""

    def check(function, *inputs):
        results = []
        try:
            for count in (1, 2, 7):
                ops.set_threads(count)
                results.append(as_arrays(differentiated(function, inputs)))
        finally:
            ops.set_threads(0)
        for result in results[1:]:
            for one, other in zip(results[0], result, strict=True):
                np.testing.assert_array_equal(one, other)

    return check


@pytest.fixture(scope="session")
def fails_cleanly():
    """Checks that a compiled op either succeeds or raises an expected error, both eagerly and in a graph.

    Returns `True` if the op succeeded.
    """

    def call(op, **arguments):
        worked = []
        for run in (op, tf.function(op, autograph=False)):
            try:
                run(**arguments)
                worked.append(True)
            except ERRORS:
                worked.append(False)
        assert worked[0] == worked[1]
        return worked[0]

    return call


@pytest.fixture
def rng():
    return np.random.default_rng(1)
