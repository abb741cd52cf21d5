"""Migration of Jupyter notebooks, whose code cells are migrated together as one script."""

import itertools
import re

from tensorsmith.migrate.addons import PACKAGE
from tensorsmith.migrate.errors import UnreadableError
from tensorsmith.migrate.modules import Importer
from tensorsmith.migrate.notebook_cells import code_cells, with_sources
from tensorsmith.migrate.parsing import parse
from tensorsmith.migrate.rewrite import Migrated, rewrite

MAGIC = re.compile(  # code of IPython, which is not Python: a line, the right side of an assignment, or help on a name
    r"^([ \t]*|[ \t]*\w+(?:[ \t]*,[ \t]*\w+)*[ \t]*=[ \t]*)([%!?](?:.*\\\n)*.*|[\w.*]+\?\??)[ \t]*$", re.MULTILINE
)
TIMED = re.compile(r"(%(?:time|timeit|prun)(?:[ \t]+-(?:[nrp][ \t]*\d+|[otcqv]+))*[ \t]+)(\S.*)")  # before Python code
OTHER = re.compile(r"!|%(?:pip|conda|mamba|sx|system)\b")  # commands of the shell
ALIAS = re.compile(rf"\bimport[ \t]+{PACKAGE}(?:\.\w+)*[ \t]+as[ \t]+(\w+)")


def migrate_notebook(notebook: bytes) -> Migrated:
    r"""Migrate the code cells of a Jupyter notebook.

    Names that a cell imports are known in all cells. Only the sources of cells with changes are replaced, and all other
    bytes of the file, such as those of outputs and metadata, are unchanged.

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
        text = notebook.decode()
        cells = code_cells(text)
    except RecursionError as error:
        raise UnreadableError(": too deeply nested") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError(f": not a notebook: {type(error).__name__}: {error}") from error
    sources = [cell.source for cell in cells]
    placeholders = _Placeholders(sources)
    scripts = [_python(source, number, placeholders) for number, source in enumerate(sources, 1)]
    whole = f"\n{placeholders.boundary}\n".join(scripts) + "\n"
    moved = rewrite(whole.encode(), importer)
    if moved.script == whole.encode():
        return Migrated(notebook, moved.rewritten, moved.left, moved.rejected)
    after = re.split(rf"(?:^|\n){placeholders.boundary}(?:\n|$)", moved.script.decode().removesuffix("\n"))
    changes = zip(cells, scripts, after, strict=True)
    changed = {cell: placeholders.replaced(new) for cell, old, new in changes if new != old}
    return Migrated(with_sources(text, changed).encode(), moved.rewritten, moved.left, moved.rejected)


class _Placeholders:
    """Python code for the magics of IPython and the boundaries of cells, with names that the notebook does not contain.

    Args:
        sources: Code of the cells.

    Attributes:
        boundary: Statement between the code of two cells.
    """

    def __init__(self, sources: list[str]):
        self._addons = {PACKAGE, *(name for source in sources for name in ALIAS.findall(source))}
        self._magics: list[str] = []
        names = (f"_tensorsmith_{number}_" for number in itertools.count())
        unused = next(name for name in names if not any(name in source for source in sources))
        self.boundary = f"{unused}cell_"
        self._call = f"{unused}magic_"

    def of_cell(self, source: str) -> str:
        """Return the placeholder of a cell in another language, or of the start of a line."""
        return self._added(source, [])

    def of_magic(self, magic: str) -> str:
        """Return the placeholder of a magic.

        It refers to the names of TensorFlow Addons that the magic contains, so that their import is kept.
        """
        timed = TIMED.fullmatch(magic)
        if timed and _is_python(timed[2]):
            return f"{self.of_cell(timed[1])}; {timed[2]}"
        uses = self._addons & set(re.findall(r"\w+", magic)) if not OTHER.match(magic) else ()
        return self._added(magic, sorted(uses))

    def replaced(self, code: str) -> str:
        """Return code with the magics in place of their placeholders."""
        return re.sub(rf"{self._call}\((\d+)[^)]*\)(?:; )?", lambda found: self._magics[int(found[1])], code)

    def _added(self, magic: str, uses: list[str]) -> str:
        self._magics.append(magic)
        return f"{self._call}({', '.join([str(len(self._magics) - 1), *uses])})"


def _python(source: str, number: int, placeholders: _Placeholders) -> str:
    """Return the code of a cell as Python, with placeholders for the magics of IPython."""
    if any("\ud800" <= character <= "\udfff" for character in source):
        raise UnreadableError(f": cell {number}: not valid Python 3: lone surrogate")
    cell_magic, code = "", source
    if source.startswith("%%"):
        first, newline, code = source.partition("\n")
        if not first.startswith(("%%time", "%%capture")):  # another language
            return placeholders.of_cell(source)
        cell_magic = placeholders.of_magic(first) + newline
    if _is_python(code):
        return cell_magic + code
    script = MAGIC.sub(lambda found: found[1] + placeholders.of_magic(found[2]), code)
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
