"""Training steps in which replicas exchange the rows of sparse gradients."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Logs
from tensorsmith.training.loop.compiled_step import CompiledStep

Run = Callable[..., tuple[tf.Tensor, Logs]]


def gathers_any_number(step: CompiledStep) -> bool:
    """Returns `True` if the number of gradient rows that replicas exchange may differ between steps.

    Collective operations inside a compiled loop must have the same shapes in all iterations. The number of rows varies
    if batch sizes or lengths differ, or if duplicate rows have been summed.
    """
    graph = step.trace.graph.as_graph_def(add_shapes=True)
    return _any_open(graph.node, {}) or any(_any_open(each.node_def, _given(each)) for each in graph.library.function)


def _any_open(nodes: Iterable[Any], given: dict[str, Any]) -> bool:
    """Returns `True` if an input of a gather op has no static shape and is not the output of a padding op."""
    made = {node.name: node for node in nodes}
    shapes = given | {node.name: node.attr for node in nodes}
    taken = [node.input[0].partition(":")[0] for node in nodes if node.op == "CollectiveGatherV2"]
    return any(not _fixed(shapes[name]) for name in taken if name not in made or not made[name].op.startswith("Pad"))


def _given(function: Any) -> dict[str, Any]:
    """Returns a dict that maps the argument names of a graph function to the attributes of the arguments."""
    return {argument.name: function.arg_attr[i].attr for i, argument in enumerate(function.signature.input_arg)}


def _fixed(attributes: Any) -> bool:
    shapes = attributes["_output_shapes"].list.shape if "_output_shapes" in attributes else []
    return bool(shapes) and all(tf.TensorShape(shape).is_fully_defined() for shape in shapes)


def one_by_one(one: Run, goes_on: Callable[[Logs], Any]) -> Run:
    """Returns a Python loop with the interface of a compiled loop, which calls a function for each step.

    Args:
        one: Function that performs one step. Its arguments are the number of completed steps, followed by all loop
            arguments except the number of steps. It returns a pair of an integer and the logs of the step. The integer
            is 0 at the end of the data, and otherwise 1.
        goes_on: Function that takes the logs of a step and returns `True` if the loop should continue.

    Returns:
        A function with the same arguments and results as a compiled loop.
    """

    def run(*arguments: Any) -> tuple[tf.Tensor, Logs]:
        *given, steps = arguments
        done, logs = 0, {}
        while done < steps:
            there, latest = one(done, *given)
            if not there:
                break
            done, logs = done + 1, latest
            if not goes_on(logs):
                break
        return tf.constant(done), logs

    return run
