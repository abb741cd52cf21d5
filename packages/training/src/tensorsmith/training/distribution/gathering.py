"""Steps in which replicas gather rows: those that sparse gradients name."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Logs
from tensorsmith.training.loop.compiled_step import CompiledStep

Run = Callable[..., tuple[tf.Tensor, Logs]]


def gathers_any_number(step: CompiledStep) -> bool:
    """Whether replicas gather rows in a step, and may do so of another number in the next.

    What replicas meet with in a loop within a function has to have the same shape in all rounds. Where batches have
    another size or length, or slices of one row were summed, rows have not.
    """
    graph = step.trace.graph.as_graph_def(add_shapes=True)
    return _any_open(graph.node, {}) or any(_any_open(each.node_def, _given(each)) for each in graph.library.function)


def _any_open(nodes: Iterable[Any], given: dict[str, Any]) -> bool:
    """Whether nodes that gather take what has no fixed shape; what was padded has one if the rest has."""
    made = {node.name: node for node in nodes}
    shapes = given | {node.name: node.attr for node in nodes}
    taken = [node.input[0].partition(":")[0] for node in nodes if node.op == "CollectiveGatherV2"]
    return any(not _fixed(shapes[name]) for name in taken if name not in made or not made[name].op.startswith("Pad"))


def _given(function: Any) -> dict[str, Any]:
    """The arguments of a function, by name, with what is known of them."""
    return {argument.name: function.arg_attr[i].attr for i, argument in enumerate(function.signature.input_arg)}


def _fixed(attributes: Any) -> bool:
    shapes = attributes["_output_shapes"].list.shape if "_output_shapes" in attributes else []
    return bool(shapes) and all(tf.TensorShape(shape).is_fully_defined() for shape in shapes)


def one_by_one(one: Run, goes_on: Callable[[Logs], Any]) -> Run:
    """A loop that Python makes the rounds of.

    Args:
        one: Takes how many steps were done, and what the loop takes but for their number, to (1 or, at the end of the
            data, 0, logs of the step).
        goes_on: Says of a step's logs whether there may be another.

    Returns:
        What takes and returns what a loop within a function does.
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
