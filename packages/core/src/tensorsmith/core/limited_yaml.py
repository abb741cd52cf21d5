"""YAML parser for files of unknown origin, which limits their size and depth and refuses aliases."""

from typing import Any

import yaml

MAX_SIZE, MAX_DEPTH = 10_000_000, 50  # characters and nested collections


class LimitedLoader(yaml.SafeLoader):
    """YAML loader that refuses aliases and deeply nested collections.

    Aliases can make a file of a few hundred bytes expand to gigabytes, and deep nesting exceeds the stack.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node of the document."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        is_alias, mark = isinstance(event, yaml.AliasEvent), event.start_mark
        if is_alias or self._depth > MAX_DEPTH:
            problem = "aliases are not supported" if is_alias else f"more than {MAX_DEPTH} nested collections"
            raise yaml.composer.ComposerError(None, None, problem, mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def parse_yaml(text: str, loader: type[LimitedLoader] = LimitedLoader) -> Any:
    """Return the content of a YAML document, which must not contain aliases, tags of Python or deep nesting.

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
