"""YAML parser for files of unknown origin, which limits the size and the depth of their content."""

from itertools import chain
from typing import Any, ClassVar

import yaml
from yaml.composer import Composer, ComposerError
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

try:
    from yaml.cyaml import CParser as EventParser  # type: ignore[attr-defined]
except ImportError:  # PyYAML was built without libyaml, and parses about six times slower

    class EventParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[no-redef]
        """Parser that returns the events of a document."""

        def __init__(self, stream: Any) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)


MAX_DEPTH = 50  # nested collections
LONGEST_NUMBER = 400  # characters, enough for each float without an exponent

STRING, INTEGER, FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float"))


class LimitedLoader(Composer, EventParser, SafeConstructor, Resolver):
    """YAML loader that limits the numbers of characters, of values and of nested collections.

    Without limits, a few hundred bytes of aliases expand to gigabytes, and deep nesting exceeds the stack.

    Attributes:
        max_size: Maximum number of characters of a document.
        max_scalar: Maximum number of characters of a string, number or other single value.
        max_nodes: Maximum number of values, where aliases count as the values that they stand for.
    """

    max_size: ClassVar[int] = 1_000_000
    max_scalar: ClassVar[int] = 20_000
    max_nodes: ClassVar[int] = 20_000

    def __init__(self, stream: Any) -> None:
        EventParser.__init__(self, stream)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self._open = 0  # collections that contain the current node
        self._count = 0  # nodes that have been composed or are being composed
        self._known: dict[int, tuple[int, int]] = {}  # number of nodes and depth of each complete node

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node of the document."""
        event: Any = self.peek_event()
        mark = event.start_mark
        if self._open > MAX_DEPTH:
            raise ComposerError(None, None, f"more than {MAX_DEPTH} nested collections", mark)
        self._count += 1
        self._check_size(self._count, 0, mark)
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > self.max_scalar:
            raise ComposerError(None, None, f"a value of more than {self.max_scalar:,} characters", mark)
        self._open += 1
        node = super().compose_node(parent, index)
        self._open -= 1
        if node is None or id(node) in self._known:  # an alias
            return node
        if isinstance(event, yaml.AliasEvent):
            raise ComposerError(None, None, "a value must not contain itself", mark)
        children: list[Any] = [] if isinstance(node, yaml.ScalarNode) else list(node.value)
        if isinstance(node, yaml.MappingNode):
            children = list(chain.from_iterable(children))
        sizes = [self._known[id(child)] for child in children]
        count, depth = 1 + sum(size for size, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)
        self._check_size(count, depth, mark)
        self._known[id(node)] = count, depth
        return node

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Return the tag of a value. Numbers to base 60, such as `12:30`, are strings."""
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        return STRING if tag in (INTEGER, FLOAT) and ":" in value else tag

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Return the value of a node."""
        is_number = node.tag in (INTEGER, FLOAT) and isinstance(node, yaml.ScalarNode)
        if is_number and (":" in node.value or len(node.value) > LONGEST_NUMBER):
            problem = f"a number must have at most {LONGEST_NUMBER} digits, got {node.value[:20]!r}..."
            raise ConstructorError(None, None, problem, node.start_mark)
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
            # Of a number or a date that Python cannot represent, or a value that does not match its tag.
            kind = node.tag.rpartition(":")[2]
            reason = f": {error}" if isinstance(error, ValueError) else ""
            problem = f"not a value of the type {kind}{reason}"
            raise ConstructorError(None, None, problem, node.start_mark) from error

    def _check_size(self, count: int, depth: int, mark: yaml.Mark) -> None:
        if count > self.max_nodes or depth > MAX_DEPTH + 1:
            limits = f"{self.max_nodes:,} values or {MAX_DEPTH} nested collections"
            raise ComposerError(None, None, f"more than {limits}", mark)


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
    if len(text) > loader.max_size:
        raise yaml.YAMLError(f"more than {loader.max_size:,} characters")
    try:
        return yaml.load(text, loader)  # type: ignore[arg-type]
    except ValueError as error:  # of characters that cannot be encoded
        raise yaml.YAMLError(str(error)) from error
