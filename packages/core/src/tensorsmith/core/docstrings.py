"""Docstrings that share text."""

import inspect
import re
import textwrap
from collections.abc import Mapping


def fill_docstring(cls: type, texts: Mapping[str, str]) -> None:
    """Replace lines such as `{{name}}` in the docstring of a class, as Keras does in those of its optimizers.

    Called from `__init_subclass__` of a base class, it keeps what the subclasses say alike in one place, while `help`
    shows all of it.

    Args:
        cls: The class.
        texts: Text for each name, without indentation: it gets that of the line. Other names stay as they are.

    Example:
        >>> class Mean:
        ...     '''Mean of values.
        ...
        ...     Args:
        ...         {{name}}
        ...     '''
        >>> fill_docstring(Mean, {"name": "name: Name of the metric."})
        >>> print(Mean.__doc__)
        Mean of values.
        <BLANKLINE>
        Args:
            name: Name of the metric.
    """
    if cls.__doc__ is not None:  # as it is under `python -OO`
        document = inspect.cleandoc(cls.__doc__)
        pattern = re.compile(r"^( *)\{\{(\w+)\}\}$", re.MULTILINE)
        cls.__doc__ = pattern.sub(lambda line: textwrap.indent(texts.get(line[2], line[0].strip()), line[1]), document)
