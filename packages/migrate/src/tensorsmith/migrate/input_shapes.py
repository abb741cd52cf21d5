"""Kinds of shapes that scripts pass to `Input`: integers, which Keras 3 rejects, or tuples."""

from collections.abc import Callable, Iterable
from typing import Any

import libcst as cst

from tensorsmith.migrate.calls import source

DEPTH = 5  # a limit for names that refer to each other
INTEGER, TUPLE = "integer", "tuple"


def kind_of_shape(node: Any, assigned: Callable[[cst.Name], Iterable[Any]], depth: int = 0) -> str | None:
    """Return `"integer"` or `"tuple"` if the value of an expression is known to be one, otherwise `None`.

    Args:
        node: Expression.
        assigned: Function that returns the values that are assigned to a name. They are `None` if unknown.
        depth: Number of names that have been resolved.
    """
    if isinstance(node, cst.Integer):
        return INTEGER
    if isinstance(node, cst.Tuple | cst.List | cst.ListComp):
        return TUPLE
    if isinstance(node, cst.BinaryOperation):
        kinds = {kind_of_shape(each, assigned, depth) for each in (node.left, node.right)}
        return TUPLE if TUPLE in kinds else kinds.pop() if len(kinds) == 1 else None
    if isinstance(node, cst.Call):
        function = source(node.func).rpartition(".")[2]
        kinds_of = {"len": INTEGER, "int": INTEGER, "list": TUPLE, "tuple": TUPLE}
        return kinds_of.get(function, TUPLE if function.endswith("shape") else None)
    if isinstance(node, cst.Subscript):
        of_shape = source(node.value).removesuffix(".as_list()").removesuffix("()").endswith("shape")
        is_slice = any(isinstance(each.slice, cst.Slice) for each in node.slice)
        return TUPLE if is_slice else INTEGER if of_shape else None
    values = list(assigned(node)) if isinstance(node, cst.Name) and depth < DEPTH else []
    kinds = {kind_of_shape(value, assigned, depth + 1) for value in values}
    if kinds and None not in kinds:
        return kinds.pop() if len(kinds) == 1 else None
    # Without a visible value, names such as `input_shape` stand for tuples.
    return TUPLE if isinstance(node, cst.Name | cst.Attribute) and "shape" in source(node).rpartition(".")[2] else None
