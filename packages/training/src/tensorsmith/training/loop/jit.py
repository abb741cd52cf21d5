"""Decision whether XLA compiles the training loop, based on the graph of a step or on measurements.

The rule depends only on the graph, the batch size and the number of steps, so that the same program always makes the
same choice. It was derived from 60 models on 2 CPU cores, with and without XLA:

- With convolutions, XLA ran at 0.04 to 0.05 times the speed, because its convolutions for CPUs are not optimized.
- Recurrent loops ran at 0.77 to 1.02 times the speed if a product in the loop had more than 32 rows and 8,192 elements,
  and at 1.05 to 2.3 times otherwise.
- With random numbers, such as those of dropout, XLA needs about 1 µs for each number: without large matrix products,
  it ran at 1.8 times the speed with 64 numbers in a step, at 0.5 times the speed with 256, and at 0.04 times the speed
  with 38,000. With 100,000 or more floating-point operations in matrix products for each number, as in variational
  autoencoders with small codes, it ran at 1.1 to 1.8 times the speed, with fewer at 0.45 to 1.2 times the speed.
- All other models, from a perceptron to a Transformer, ran at 1.04 to 4.7 times the speed.
- Compilation took 0.3 to 2.2 s longer.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import keras
import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.training._support.model_layers import layers_of
from tensorsmith.training.distribution.replicas import is_distributed
from tensorsmith.training.fit.state import restore, snapshot

Jit: TypeAlias = bool | Literal["auto", "measure"]
Run = Callable[[int], int]  # from requested to completed steps

SHORT_RUN = 200  # number of steps below which compilation takes longer than XLA saves
CONVOLUTIONS = ("Conv", "DepthwiseConv")  # prefixes of operation names
LOOPS = ("While", "StatelessWhile")
PRODUCTS = ("MatMul", "BatchMatMulV2")
RANDOM = ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal")  # prefixes
NUMBERS = 100  # random numbers of an operation, above which XLA is slower unless matrix products take longer
FLOPS_PER_NUMBER = 100_000  # in matrix products, from which XLA gains more than random numbers cost
ROWS, ELEMENTS = 32, 8192  # in a product of a recurrent loop, above which XLA is slower
PROBE_SECONDS = 0.25  # duration of each measurement

log = logging.getLogger("tensorsmith.training")


def jit_under(strategy: tf.distribute.Strategy, jit: Jit) -> Jit:
    """Returns the `jit` setting under a distribution strategy, in which only `True` enables XLA.

    Raises:
        ValueError: If the setting is invalid, or is `True` with parameter servers.
    """
    check(jit in (True, False, "auto", "measure"), "jit", jit, 'True, False, "auto" or "measure"')
    jit = jit if isinstance(jit, str) else bool(jit)  # NumPy booleans and integers equal Python booleans
    serves = isinstance(strategy, tf.distribute.ParameterServerStrategy)
    check(not (serves and jit is True), "jit", jit, "False or 'auto' with parameter servers")
    return jit is True if is_distributed(strategy) else jit


def supports_jit(model: keras.Model) -> bool:
    """Returns `True` if all layers of a model support XLA."""
    return all(layer.supports_jit for layer in layers_of(model))


def jit_is_faster(graphs: Iterable[Any], batch_size: int, total_steps: int | None) -> bool:
    """Returns `True` if a training step is expected to be faster with XLA.

    Args:
        graphs: Graphs of the training step, as `GraphDef` protos with shapes.
        batch_size: Number of examples per batch, which is used as the size of axes of unknown size.
        total_steps: Number of steps in the run, or `None` if it is unknown.
    """
    if total_steps is not None and total_steps < SHORT_RUN:
        return False
    for graph in graphs:
        functions = {function.signature.name: function.node_def for function in graph.library.function}
        nodes = [*graph.node, *(node for body in functions.values() for node in body)]
        if any(node.op.startswith(CONVOLUTIONS) for node in nodes):
            return False
        numbers = [_size(node, batch_size) for node in nodes if node.op.startswith(RANDOM)]
        if any(number > NUMBERS for number in numbers):
            flops = sum(_product_flops(body, batch_size) for body in (graph.node, *functions.values()))
            if flops < FLOPS_PER_NUMBER * sum(numbers):
                return False
        for loop in (node for node in nodes if node.op in LOOPS):
            sizes = _product_sizes(_reachable_nodes(loop.attr["body"].func.name, functions), batch_size)
            if any(rows > ROWS and rows * columns > ELEMENTS for rows, columns in sizes):
                return False
    return True


def runs_with_jit(compiled: Run, variables: list[tf.Variable]) -> bool:
    """Returns `True` if XLA supports all operations of a step. The step is run once, and its effects are undone.

    Args:
        compiled: Function that runs steps with XLA.
        variables: Variables that define the training state.
    """
    before = snapshot(variables)
    try:
        compiled(1)
    except tf.errors.OpError as error:
        log.info("not compiled with XLA: %s", str(error).splitlines()[0])
        return False
    finally:
        restore(variables, before)
    return True


def measured_faster_with_jit(plain: Run, compiled: Run, variables: list[tf.Variable]) -> bool:
    """Returns `True` if measurements show that a step is faster with XLA. The training state is restored.

    Args:
        plain: Function that runs steps without XLA.
        compiled: Function that runs steps with XLA.
        variables: Variables that define the training state.
    """
    before = snapshot(variables)
    try:
        plain_speed = _steps_per_second(plain)
        try:
            speed = _steps_per_second(compiled)
        except tf.errors.OpError as error:
            log.warning("XLA does not support this step. Set jit=False. %s", str(error).splitlines()[0])
            return False
    finally:
        restore(variables, before)
    faster = speed > plain_speed
    log.warning("Measured %.4g steps/s without XLA and %.4g steps/s with XLA. Set jit=%s.", plain_speed, speed, faster)
    return faster


def _reachable_nodes(name: str, functions: Mapping[str, Sequence[Any]]) -> list[Any]:
    """Returns the nodes of a function and of all functions that it calls."""
    waiting, names = [name], {name}
    nodes: list[Any] = []
    while waiting:
        nodes += (added := functions.get(waiting.pop(), ()))
        attributes = [attribute for node in added for attribute in node.attr.values()]
        called = {each.func.name for each in attributes} | {f.name for each in attributes for f in each.list.func}
        waiting += called - names
        names |= called
    return nodes


def _shape(node: Any, batch_size: int) -> list[int]:
    """Returns the shape of the output of a node, in which the batch size replaces unknown axes."""
    shape = node.attr["_output_shapes"].list.shape[0]
    return [axis.size if axis.size >= 0 else batch_size for axis in shape.dim]


def _size(node: Any, batch_size: int) -> float:
    """Returns the number of elements of the output of a node, which is infinite if its rank is unknown."""
    unknown = node.attr["_output_shapes"].list.shape[0].unknown_rank
    return math.inf if unknown else math.prod(_shape(node, batch_size))


def _product_flops(body: Sequence[Any], batch_size: int) -> int:
    """Returns the number of floating-point operations in the matrix products of a graph or function."""
    producers = {node.name: node for node in body}
    flops = 0
    for node in (node for node in body if node.op in PRODUCTS):
        producer = producers.get(node.input[0].split(":")[0])
        # Without a single output, such as an argument of the function, the operand is unknown. Its product is left out.
        if producer is not None and len(producer.attr["_output_shapes"].list.shape) == 1:
            transposed = node.attr["transpose_a"].b or node.attr["adj_x"].b
            operand = _shape(producer, batch_size)
            if len(operand) >= 2:
                flops += 2 * math.prod(_shape(node, batch_size)) * operand[-2 if transposed else -1]
    return flops


def _product_sizes(nodes: Iterable[Any], batch_size: int) -> Iterator[tuple[int, int]]:
    """Yields the numbers of rows and columns of all matrix products, except for gradients with respect to weights."""
    for node in nodes:
        if node.op in PRODUCTS and not (node.attr["transpose_a"].b or node.attr["adj_x"].b):
            sizes = _shape(node, batch_size)
            if len(sizes) >= 2:
                yield sizes[-2], sizes[-1]


def _steps_per_second(run: Run) -> float:
    run(1)  # compiles
    start = time.perf_counter()
    done = run(2)
    seconds = (time.perf_counter() - start) / done
    start = time.perf_counter()
    done = run(max(2, int(PROBE_SECONDS / seconds)))
    return done / (time.perf_counter() - start)
