"""File names in a script, as far as they are visible in its source."""

from collections import defaultdict
from typing import Any

import libcst as cst
import libcst.matchers as m

from tensorsmith.migrate.calls import named, source
from tensorsmith.migrate.entry import Successor


class FileNames:
    """Assignments of a module, from which the ends of file names are resolved.

    Args:
        module: Syntax tree of the module.
    """

    def __init__(self, module: cst.Module):
        self._values: dict[str, list[cst.BaseExpression]] = defaultdict(list)
        for node in m.findall(module, m.Assign(targets=[m.AssignTarget(m.Name())])):
            self._values[node.targets[0].target.value].append(node.value)  # type: ignore[attr-defined]

    def resolved(self, node: Any) -> str:
        """Return a file name as a string literal, without an unknown beginning, or the source if its end is unknown."""
        end = self._end(node)
        return source(node) if end is None else repr(end)

    def check(self, call: cst.Call, successor: Successor) -> None:
        """Check the arguments of a call, with file names resolved.

        Raises:
            RefusedError: If Keras 3 does not accept an argument.
        """
        if successor.check:
            successor.check({name: self.resolved(arg.value) for name, arg in named(call, successor).items()})

    def _end(self, node: Any, depth: int = 0) -> str | None:
        """Return the known end of a string or path, or `None`."""
        if isinstance(node, cst.SimpleString):
            value = node.evaluated_value
            return value if isinstance(value, str) else None
        if isinstance(node, cst.FormattedString):
            last = node.parts[-1] if node.parts else None
            return last.value if isinstance(last, cst.FormattedStringText) else None
        if isinstance(node, cst.ConcatenatedString):
            return self._end(node.right, depth)
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add | cst.Divide):
            return self._end(node.right, depth)
        if isinstance(node, cst.Call) and node.args and not node.args[-1].star:
            name = source(node.func).rpartition(".")[2]
            if name in ("str", "Path", "join", "fspath"):
                return self._end(node.args[-1].value, depth)
            if isinstance(node.func, cst.Attribute) and name == "format":
                return self._end(node.func.value, depth)
        if isinstance(node, cst.Name) and len(self._values[node.value]) == 1 and depth < 5:
            return self._end(self._values[node.value][0], depth + 1)
        return None
