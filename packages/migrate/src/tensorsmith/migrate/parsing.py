"""Parsing of scripts, with errors for those that cannot be parsed."""

import ast
import warnings
from collections.abc import Iterator
from itertools import zip_longest

import libcst as cst

from tensorsmith.migrate.errors import UnreadableError

BLANKS, NEWLINES = b" \t", (b"\n", b"\r")
END = b"...\n"  # statement without effect
MOST_NESTED = 1000  # LibCST overflows the stack of the process at about twice this depth


def parse(script: bytes) -> cst.Module:
    """Return the syntax tree of a script, to which `with_end` has added a statement.

    Raises:
        UnreadableError: If the script cannot be parsed, or if the tree does not contain all of it.
    """
    tree = syntax_tree(script)
    script = with_end(script)
    level, depth = list(ast.iter_child_nodes(tree)), 0
    while level and depth <= MOST_NESTED:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    if level:
        raise UnreadableError(": too deeply nested")
    try:
        module = cst.parse_module(script)
        _ = module.config_for_parsing  # with which new statements will be parsed
    except cst.ParserSyntaxError as error:
        raise UnreadableError(f":{error.raw_line}: LibCST cannot parse this line") from error
    except ValueError as error:  # of indentation by other characters
        raise UnreadableError(f": LibCST cannot parse it: {error}") from error
    if module.bytes != script:
        pairs = zip_longest(script.splitlines(), module.bytes.splitlines())
        line = next((number for number, (old, new) in enumerate(pairs, 1) if old != new), 1)
        raise UnreadableError(f":{line}: LibCST does not preserve this line")
    return module


def with_end(script: bytes) -> bytes:
    """Return a script with a statement at its end, without which LibCST would lose blank lines and comments there."""
    body = script.rstrip(BLANKS)
    return body + (END if body.endswith(NEWLINES) or not body else b"\n" + END)


def without_end(migrated: bytes, script: bytes) -> bytes:
    """Return a migrated script that ends as the script to which `with_end` has added a statement."""
    body = script.rstrip(BLANKS)
    migrated = migrated.removesuffix(END)
    if body and not body.endswith(NEWLINES):
        migrated = migrated.removesuffix(b"\n")
    return migrated + script[len(body) :]


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
