"""YAML parser for files of unknown origin, which limits the size and the depth of their content."""

from itertools import chain
from typing import Any

import yaml

MAX_SIZE = 10_000_000  # characters
MAX_NODES, MAX_DEPTH = 1_000_000, 50  # values and nested collections, where aliases count as what they stand for


class LimitedLoader(yaml.SafeLoader):
    """YAML loader that limits the number of values and of nested collections.

    Without limits, a few hundred bytes of aliases expand to gigabytes, and deep nesting exceeds the stack.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._open = 0  # collections that contain the current node
        self._known: dict[int, tuple[int, int]] = {}  # number of nodes and depth of each complete node

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node of the document."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if self._open > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"more than {MAX_DEPTH} nested collections", mark)
        self._open += 1
        node = super().compose_node(parent, index)
        self._open -= 1
        if node is None or id(node) in self._known:  # an alias
            return node
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "a value must not contain itself", mark)
        children: list[Any] = [] if isinstance(node, yaml.ScalarNode) else list(node.value)
        if isinstance(node, yaml.MappingNode):
            children = list(chain.from_iterable(children))
        sizes = [self._known[id(child)] for child in children]
        count, depth = 1 + sum(size for size, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)
        if count > MAX_NODES or depth > MAX_DEPTH + 1:
            limits = f"{MAX_NODES:,} values or {MAX_DEPTH} nested collections"
            raise yaml.composer.ComposerError(None, None, f"more than {limits}", mark)
        self._known[id(node)] = count, depth
        return node


def parse_yaml(text: str, loader: type[LimitedLoader] = LimitedLoader) -> Any:
    """Return the content of a YAML document. Tags of Python are refused, as are documents of excessive size or depth.

    Args:
        text: YAML document.
        loader: Loader class, such as a subclass of `LimitedLoader` that constructs values differently.

    Raises:
        yaml.YAMLError: If the document is invalid or exceeds a limit.

    Example:
        >>> parse_yaml("units: [128, 64]")
        {'units': [128, 64]}
    """
    if len(text) > MAX_SIZE:
        raise yaml.YAMLError(f"more than {MAX_SIZE:,} characters")
    try:
        return yaml.load(text, loader)
    except ValueError as error:  # of a number or a date that Python cannot represent
        raise yaml.YAMLError(str(error)) from error
