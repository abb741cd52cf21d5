"""Values that a script passes as arguments, as far as they are visible in its source."""

from collections import defaultdict
from typing import Any

import libcst as cst

from tensorsmith.migrate.calls import named, source
from tensorsmith.migrate.entry import Successor
from tensorsmith.migrate.file_names import FileNames
from tensorsmith.migrate.parsing import nodes_of


class VisibleValues:
    """Assignments and functions of a module, from which arguments of calls are resolved.

    Args:
        module: Syntax tree of the module.
    """

    def __init__(self, module: cst.Module):
        self._values: dict[str, list[cst.BaseExpression]] = defaultdict(list)
        parameters = set()
        for node in nodes_of(module):
            if isinstance(node, cst.Param):
                parameters.add(node.name.value)
            elif isinstance(node, cst.Assign) and len(node.targets) == 1:
                target = node.targets[0].target
                if isinstance(target, cst.Name):
                    self._values[target.value].append(node.value)
        self._file_names = FileNames(self._values)
        functions = {node.name.value for node in module.body if isinstance(node, cst.FunctionDef)}
        self._functions = (
            functions - parameters - self._values.keys()
        )  # names that stand for nothing else in the module

    def resolved(self, node: Any) -> str:
        """Return the source of an argument, as far as it is visible.

        A file name is returned as a string literal without an unknown beginning, and a function as its definition.
        """
        end = self._file_names.end(node)
        if end is not None:
            return repr(end)
        if isinstance(node, cst.Name) and node.value in self._functions:
            return f"def {node.value}"
        values = self._values.get(node.value, []) if isinstance(node, cst.Name) else []
        return source(values[0] if len(values) == 1 and _is_relevant(values[0]) else node)

    def check(self, call: cst.Call, successor: Successor) -> None:
        """Check the arguments of a call, as far as they are visible.

        Raises:
            RefusedError: If Keras 3 does not accept an argument.
        """
        if successor.check:
            successor.check({name: self.resolved(arg.value) for name, arg in named(call, successor).items()})


def _is_relevant(node: cst.BaseExpression) -> bool:
    """Return `True` for lambda expressions, and for calls that return a function or the path of a checkpoint."""
    if isinstance(node, cst.Call):
        return source(node.func).rpartition(".")[2] in ("latest_checkpoint", "partial")
    return isinstance(node, cst.Lambda)
