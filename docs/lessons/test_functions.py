"""Facts about `tf.function`: traces, graphs, side effects, loops and variables.

A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019, chapter 12 and appendix
G. Expected values are printed there. Where TensorFlow 2.21 behaves differently, a comment says so.
"""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf


def cube(x):
    return x**3


def types(function, *arguments):
    """Returns the number of operations of each type in the graph of a function."""
    graph = function.get_concrete_function(*arguments).graph
    return Counter(operation.type for operation in graph.get_operations())


def test_a_function_returns_tensors_and_keeps_the_python_function():
    function = tf.function(cube)
    result = function(2)
    assert result.numpy() == 8
    assert result.dtype == tf.int32
    assert function(tf.constant(2.0)).numpy() == 8.0
    assert function.python_function is cube


def test_a_float_reuses_the_trace_of_an_equal_integer():
    """Tests that Python values are compared by equality, so that the dtype depends on the first call."""
    assert tf.function(cube)(2.0).dtype == tf.float32
    function = tf.function(cube)
    function(2)
    assert function(2.0).dtype == tf.int32
    assert function.experimental_get_tracing_count() == 1


def traces(**arguments):
    """Returns the arguments for which the calls in the book trace a function."""
    traced = []

    def traced_cube(x):
        traced.append(x.shape.as_list() if tf.is_tensor(x) else x)
        return x**3

    function = tf.function(traced_cube, **arguments)
    for scalar in (2.0, 3.0, 4.0):
        function(tf.constant(scalar))
    function(2)
    function(3)
    function(tf.constant([[1.0, 2.0]]))
    function(tf.constant([[3.0, 4.0], [5.0, 6.0]]))
    function(tf.constant([[7.0, 8.0], [9.0, 10.0]]))
    return traced


def test_a_function_is_traced_for_each_shape_and_each_python_value():
    # The shape in the last trace is (None, 2) in the book, because older versions relaxed shapes by default.
    assert traces() == [[], 2, 3, [1, 2], [2, 2]]


def test_reduce_retracing_relaxes_shapes():
    function = tf.function(lambda x: x**3, reduce_retracing=True)
    shapes = []
    for rows in (1, 2, 3, 4):
        function(tf.zeros([rows, 2]))
        shapes.append(function.experimental_get_tracing_count())
    assert shapes == [1, 2, 2, 2]  # the second trace accepts the shape (None, 2)


def test_an_input_signature_restricts_a_function_to_one_trace():
    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.float32)])
    def shrink(images):
        return images[:, ::2, ::2]

    assert shrink(tf.zeros([100, 28, 28])).shape == (100, 14, 14)
    assert shrink(tf.zeros([50, 28, 28])).shape == (50, 14, 14)
    assert shrink.experimental_get_tracing_count() == 1
    with pytest.raises(TypeError, match="Can not cast"):  # a ValueError in the book
        shrink(tf.zeros([2, 2, 2]))


def test_a_concrete_function_is_the_trace_for_one_signature():
    function = tf.function(cube)
    concrete = function.get_concrete_function(tf.constant(2.0))
    assert concrete(tf.constant(5.0)).numpy() == 125
    assert function.get_concrete_function(tf.TensorSpec([], tf.float32)) is concrete
    constant = function.get_concrete_function(2)
    assert constant().numpy() == 8  # without arguments, because the Python value is part of the graph
    assert [operation.type for operation in constant.graph.get_operations()] == ["Const", "Identity"]


def test_operations_and_tensors_of_a_graph():
    concrete = tf.function(cube).get_concrete_function(tf.constant(2.0))
    operations = concrete.graph.get_operations()
    assert [(operation.name, operation.type) for operation in operations] == [
        ("x", "Placeholder"),
        ("pow/y", "Const"),
        ("pow", "Pow"),
        ("Identity", "Identity"),
    ]
    power = operations[2]
    assert [tensor.name for tensor in power.inputs] == ["x:0", "pow/y:0"]
    assert [tensor.name for tensor in power.outputs] == ["pow:0"]
    assert concrete.graph.get_operation_by_name("x") is operations[0]
    assert concrete.graph.get_tensor_by_name("Identity:0") is operations[3].outputs[0]
    signature = concrete.function_def.signature
    assert [(argument.name, argument.type) for argument in signature.input_arg] == [("x", tf.float32.as_datatype_enum)]
    assert [argument.name for argument in signature.output_arg] == ["identity"]


def test_operations_of_one_type_are_numbered():
    graph = tf.function(lambda x: x**3 + x**2).get_concrete_function(tf.constant(2.0)).graph
    assert [operation.name for operation in graph.get_operations() if operation.type == "Pow"] == ["pow", "pow_1"]


def test_print_runs_in_each_trace_and_tf_print_in_each_call(capfd):
    @tf.function
    def both(x):
        print("traced", x.name)
        tf.print("called", x)
        return x

    for value in (2.0, 3.0):
        both(tf.constant(value))
    printed = capfd.readouterr()
    assert printed.out == "traced x:0\n"
    assert printed.err == "called 2\ncalled 3\n"


def test_random_numbers_of_numpy_are_constants_of_a_trace():
    frozen = tf.function(lambda x: x + np.random.rand())
    scalars = [frozen(tf.constant(0.0)).numpy() for _ in range(2)]
    assert scalars[0] == scalars[1]
    assert frozen(tf.constant([0.0])).numpy() != scalars[0]  # another shape, therefore another trace
    drawn = tf.function(lambda x: x + tf.random.uniform([]))
    assert drawn(tf.constant(0.0)).numpy() != drawn(tf.constant(0.0)).numpy()


def test_operations_without_an_effect_on_the_result_are_pruned():
    def inverted_in_vain(x):
        tf.linalg.inv(x)
        return 2 * x

    singular = tf.zeros([2, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="not invertible"):
        inverted_in_vain(singular)
    np.testing.assert_array_equal(tf.function(inverted_in_vain)(singular), singular)


def test_constants_are_folded():
    function = tf.function(lambda x: x * (tf.constant(1.0) + tf.constant(2.0)), jit_compile=True)
    x = tf.constant(4.0)
    assert types(function, x)["AddV2"] == 1
    optimized = function.experimental_get_compiler_ir(x)(stage="optimized_hlo")
    assert "constant(3)" in optimized
    assert "add" not in optimized


def test_py_function_runs_python_in_each_call():
    seen = []

    def halve(x):
        seen.append(x.numpy())  # x is an eager tensor here
        return x / 2

    function = tf.function(lambda x: tf.py_function(halve, [x], tf.float32))
    assert [function(tf.constant(value)).numpy() for value in (2.0, 4.0, 6.0)] == [1, 2, 3]
    assert seen == [2, 4, 6]
    assert types(function, tf.constant(2.0))["EagerPyFunc"] == 1


def test_range_is_unrolled():
    @tf.function
    def add_10(x):
        for _ in range(10):
            x += 1
        return x

    assert add_10(tf.constant(0)).numpy() == 10
    assert types(add_10, tf.constant(0)) == {"Placeholder": 1, "Const": 10, "AddV2": 10, "Identity": 1}


def test_tf_range_is_a_loop_in_the_graph():
    @tf.function
    def add_10(x):
        for _ in tf.range(10):
            x += 1
        return x

    assert add_10(tf.constant(0)).numpy() == 10
    counts = types(add_10, tf.constant(0))
    assert counts["Range"] == counts["StatelessWhile"] == 1  # the loop is a While operation in the book


def test_autograph_can_be_turned_off():
    def absolute(x):
        if x < 0:
            x = -x
        return x

    assert tf.function(absolute)(tf.constant(-3)).numpy() == 3
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="as a Python `bool` is not allowed"):
        tf.function(absolute, autograph=False)(tf.constant(-3))


def test_a_variable_is_passed_by_reference():
    counter = tf.Variable(0)

    @tf.function
    def increment(counter, by=1):
        return counter.assign_add(by)

    assert [increment(counter).numpy() for _ in range(2)] == [1, 2]
    assert counter.numpy() == 2
    (argument,) = increment.get_concrete_function(counter).function_def.signature.input_arg
    assert (argument.name, argument.type) == ("counter", tf.resource.as_datatype_enum)


def test_a_captured_variable_is_an_implicit_argument():
    class Counter:
        def __init__(self):
            self.counter = tf.Variable(0)

        @tf.function
        def increment(self, by=1):
            return self.counter.assign_add(by)

    first, second = Counter(), Counter()
    assert [first.increment().numpy(), first.increment().numpy(), second.increment().numpy()] == [1, 2, 1]
    (argument,) = first.increment.get_concrete_function().function_def.signature.input_arg
    assert argument.type == tf.resource.as_datatype_enum


def test_python_assignment_to_a_variable_is_an_error():
    counter = tf.Variable(0)

    @tf.function
    def increment():
        total = counter
        total += 1
        return total

    with pytest.raises(RuntimeError, match="Use `variable.assign_add"):
        increment()


def test_operations_on_variables_keep_their_order():
    value = tf.Variable(1.0)

    @tf.function
    def twice():
        value.assign(10.0)
        first = value.read_value()
        value.assign(20.0)
        return first, value.read_value()

    assert [result.numpy() for result in twice()] == [10, 20]
    assigns = [
        operation
        for operation in twice.get_concrete_function().graph.get_operations()
        if operation.type == "AssignVariableOp"
    ]
    first, second = assigns
    # The second assignment waits for the read operation in between, which waits for the first assignment.
    (read,) = [operation for operation in second.control_inputs if operation.type == "ReadVariableOp"]
    assert first in read.control_inputs


def test_variables_must_not_be_created_in_each_call():
    @tf.function
    def create(x):
        return tf.Variable(1.0) * x

    with pytest.raises(ValueError, match="only supports singleton tf.Variables"):
        create(tf.constant(2.0))
