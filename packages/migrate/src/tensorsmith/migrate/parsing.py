"""Parsing of scripts, with errors for those that cannot be parsed."""

import ast
import warnings
from collections.abc import Iterator

import libcst as cst

from tensorsmith.migrate.errors import UnreadableError

MOST_NESTED = 1000  # LibCST overflows the stack of the process at about twice this depth


def parse(script: bytes) -> cst.Module:
    """Return the syntax tree of a script.

    Raises:
        UnreadableError: If the script cannot be parsed.
    """
    tree = syntax_tree(script)
    level, depth = list(ast.iter_child_nodes(tree)), 0
    while level and depth <= MOST_NESTED:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    if level:
        raise UnreadableError(": too deeply nested")
    try:
        return cst.parse_module(script)
    except cst.ParserSyntaxError as error:
        raise UnreadableError(f":{error.raw_line}: LibCST cannot parse this line") from error


def syntax_tree(script: bytes) -> ast.Module:
    """Return the syntax tree of a script, as parsed by Python.

    In contrast to LibCST, Python limits the depth of nested code, and explains syntax errors.

    Raises:
        UnreadableError: If the script cannot be parsed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the code of the script, such as invalid escape sequences
            return ast.parse(script)
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise UnreadableError(f"{line}: not valid Python 3: {error.msg}") from error
    except ValueError as error:  # null bytes, before Python 3.11.4
        raise UnreadableError(f": not valid Python 3: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableError(": too deeply nested") from error


def nodes_of(module: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the nodes of a syntax tree in the order of the source.

    `libcst.matchers` does the same, but its import takes as long as that of all the rest.
    """
    left = [module]
    while left:
        node = left.pop()
        yield node
        left += reversed(node.children)
