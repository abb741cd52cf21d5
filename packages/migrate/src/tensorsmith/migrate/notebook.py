"""Migration of Jupyter notebooks, whose code cells are migrated together as one script."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from tensorsmith.migrate.addons import PACKAGE
from tensorsmith.migrate.modules import Importer
from tensorsmith.migrate.parsing import UnreadableError, parse
from tensorsmith.migrate.rewrite import Migrated, rewrite

CELL = "_tensorsmith_cell_{}_"  # statement between the code of two cells
BETWEEN = re.compile(r"(?:^|\n)_tensorsmith_cell_\d+_(?:\n|$)")
MAGIC = re.compile(  # code of IPython, which is not Python: a line, the right side of an assignment, or help on a name
    r"^([ \t]*|[ \t]*\w+(?:[ \t]*,[ \t]*\w+)*[ \t]*=[ \t]*)([%!?](?:.*\\\n)*.*|[\w.*]+\?\??)[ \t]*$", re.MULTILINE
)
TIMED = re.compile(r"(%(?:time|timeit|prun)(?:[ \t]+-(?:[nrp][ \t]*\d+|[otcqv]+))*[ \t]+)(\S.*)")  # before Python code
OTHER = re.compile(r"!|%(?:pip|conda|mamba|sx|system)\b")  # commands of the shell
ALIAS = re.compile(rf"\bimport[ \t]+{PACKAGE}(?:\.\w+)*[ \t]+as[ \t]+(\w+)")
PLACEHOLDER = re.compile(r"_tensorsmith_magic_\((\d+)[^)]*\)(?:; )?")


def migrate_notebook(notebook: bytes) -> Migrated:
    r"""Migrate the code cells of a Jupyter notebook.

    Names that a cell imports are known in all cells. Outputs and metadata are unchanged.

    Args:
        notebook: Contents of the notebook file.

    Returns:
        A `Migrated` object, whose `script` is the notebook.

    Raises:
        UnreadableError: If the notebook or one of its cells cannot be parsed.

    Example:
        >>> import json
        >>> cell = {"cell_type": "code", "source": ["import tensorflow_addons as tfa\n", "tfa.layers.Maxout(3)"]}
        >>> moved = migrate_notebook(json.dumps({"cells": [cell]}).encode())
        >>> json.loads(moved.script)["cells"][0]["source"]
        ['import tensorsmith.layers\n', 'tensorsmith.layers.Maxout(3)']
    """
    return rewrite_notebook(notebook, Importer())


def rewrite_notebook(notebook: bytes, importer: Importer) -> Migrated:
    """Migrate a notebook of a project.

    Args:
        notebook: Contents of the notebook file.
        importer: Notebook as an importer of modules of the project.

    Raises:
        UnreadableError: If the notebook or one of its cells cannot be parsed.
    """
    try:
        contents = json.loads(notebook)
        cells = [cell for cell in contents["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError(f": not a notebook: {type(error).__name__}: {error}") from error
    magics: list[str] = []
    ours = {PACKAGE, *(name for source in sources for name in ALIAS.findall(source))}
    scripts = [_python(source, number, magics, ours) for number, source in enumerate(sources, 1)]
    markers = [f"\n{CELL.format(number)}\n" for number in range(1, len(scripts))]
    whole = "".join(itertools.chain(*itertools.zip_longest(scripts, markers, fillvalue=""))) + "\n"
    moved = rewrite(whole.encode(), importer)
    if moved.script == whole.encode():
        return Migrated(notebook, moved.rewritten, moved.left, moved.rejected)
    after = BETWEEN.split(moved.script.decode().removesuffix("\n"))
    for cell, old, new in zip(cells, scripts, after, strict=True):
        if new != old:
            text = PLACEHOLDER.sub(lambda found: magics[int(found[1])], new)
            cell["source"] = text.splitlines(keepends=True) if isinstance(cell["source"], list) else text
    return Migrated(_written(contents, notebook), moved.rewritten, moved.left, moved.rejected)


def _python(source: str, number: int, magics: list[str], ours: set[str]) -> str:
    """Return the code of a cell as Python, with placeholders for the magics of IPython, which are added to the list.

    A placeholder refers to the names in `ours` that its magic contains, so that their import is kept.
    """

    def placeholder(magic: str) -> str:
        timed = TIMED.fullmatch(magic)
        if timed and _is_python(timed[2]):
            magics.append(timed[1])
            return f"_tensorsmith_magic_({len(magics) - 1}); {timed[2]}"
        magics.append(magic)
        uses = sorted(ours & set(re.findall(r"\w+", magic))) if not OTHER.match(magic) else []
        return f"_tensorsmith_magic_({', '.join([str(len(magics) - 1), *uses])})"

    cell_magic, code = "", source
    if source.startswith("%%"):
        first, newline, code = source.partition("\n")
        if not first.startswith(("%%time", "%%capture")):  # another language
            magics.append(source)
            return f"_tensorsmith_magic_({len(magics) - 1})"
        cell_magic = placeholder(first) + newline
    if _is_python(code):
        return cell_magic + code
    script = MAGIC.sub(lambda found: found[1] + placeholder(found[2]), code)
    try:
        parse(script.encode())
    except UnreadableError as error:
        raise UnreadableError(f": cell {number}{error}") from error
    return cell_magic + script


def _is_python(code: str) -> bool:
    try:
        parse(code.encode())
    except UnreadableError:
        return False
    return True


def _written(contents: Any, before: bytes) -> bytes:
    """Return the notebook as JSON, with the indentation and the escapes of the original file."""
    original = json.loads(before)
    forms = list(_forms())
    form = next((form for form in forms if _dumped(original, *form) == before), forms[0])
    return _dumped(contents, *form)


def _forms() -> Iterator[tuple[int | None, bool, str]]:
    yield from itertools.product((1, 2, 4, None), (False, True), ("\n", ""))


def _dumped(contents: Any, indent: int | None, ascii_only: bool, end: str) -> bytes:
    return (json.dumps(contents, indent=indent, ensure_ascii=ascii_only) + end).encode()
