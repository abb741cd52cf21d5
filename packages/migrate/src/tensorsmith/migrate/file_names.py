"""File names in a script, as far as they are visible in its source."""

from collections.abc import Mapping
from typing import Any

import libcst as cst

from tensorsmith.migrate.calls import source


class FileNames:
    """Ends of file names, resolved from the assignments of a module.

    Args:
        values: Dict of the values that are assigned to each name.
    """

    def __init__(self, values: Mapping[str, list[cst.BaseExpression]]):
        self._values = values

    def end(self, node: Any, depth: int = 0) -> str | None:
        """Return the known end of a string or path, or `None`."""
        if isinstance(node, cst.SimpleString):
            value = node.evaluated_value
            return value if isinstance(value, str) else None
        if isinstance(node, cst.FormattedString):
            last = node.parts[-1] if node.parts else None
            return last.value if isinstance(last, cst.FormattedStringText) else None
        if isinstance(node, cst.ConcatenatedString):
            return self.end(node.right, depth)
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add | cst.Divide):
            return self.end(node.right, depth)
        if isinstance(node, cst.Call) and node.args and not node.args[-1].star:
            name = source(node.func).rpartition(".")[2]
            if name in ("str", "Path", "join", "fspath"):
                return self.end(node.args[-1].value, depth)
            if isinstance(node.func, cst.Attribute) and name == "format":
                return self.end(node.func.value, depth)
        if isinstance(node, cst.Name) and node.value in self._values and depth < 5:
            ends = [self.end(value, depth + 1) for value in self._values[node.value]]
            return _common_end(ends)
        if isinstance(node, cst.IfExp):
            return _common_end([self.end(value, depth) for value in (node.body, node.orelse)])
        return None


def _common_end(ends: list[str | None]) -> str | None:
    """Return the longest common end of several strings, or `None` if there is none or a string is unknown."""
    first, *others = [end or "" for end in ends]
    common = (first[start:] for start in range(len(first)))
    return next((end for end in common if all(other.endswith(end) for other in others)), None)
