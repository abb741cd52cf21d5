"""Insertion of shared paragraphs into the docstrings of several classes."""

import inspect
import re
import textwrap
from collections.abc import Mapping
from typing import Any, ClassVar


class SharedDocstrings:
    """Base class for classes whose docstrings share paragraphs, such as optimizer classes.

    A line such as `{{name}}` in the docstring of a subclass is replaced with the entry `name` of `shared_texts`, with
    the indentation of that line. Shared descriptions are thus written once, and `help` shows the complete docstring.

    Example:
        >>> class Means(SharedDocstrings):
        ...     shared_texts = {"name": "name: Name of the metric."}
        >>> class GeometricMean(Means):
        ...     '''Geometric mean of values.
        ...
        ...     Args:
        ...         {{name}}
        ...     '''
        >>> print(GeometricMean.__doc__)
        Geometric mean of values.
        <BLANKLINE>
        Args:
            name: Name of the metric.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__doc__ is not None:  # `python -OO` strips docstrings
            cls.__doc__ = _PLACEHOLDER.sub(cls._shared_text, inspect.cleandoc(cls.__doc__))

    @classmethod
    def _shared_text(cls, line: re.Match[str]) -> str:
        indentation, name = line.groups()
        known = name in cls.shared_texts
        return textwrap.indent(cls.shared_texts[name], indentation) if known else line[0]


_PLACEHOLDER = re.compile(r"^( *)\{\{(\w+)\}\}$", re.MULTILINE)
