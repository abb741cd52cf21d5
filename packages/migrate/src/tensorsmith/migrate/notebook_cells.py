"""Code cells in the JSON text of a notebook, which can be changed without changing anything else in the text."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

BETWEEN = re.compile(r"[ \t\n\r,:]*")  # what separates the strings and values of a valid document
DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # numbers are not used


@dataclass(frozen=True)
class CodeCell:
    """Source of a code cell.

    Attributes:
        source: Code of the cell.
        start, end: Position of the JSON value of the source in the text of the notebook.
    """

    source: str
    start: int
    end: int


def code_cells(text: str) -> list[CodeCell]:
    """Return the code cells of a notebook.

    Args:
        text: JSON text of the notebook.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: If the text is not valid JSON, or not a notebook.
    """
    json.loads(text, parse_int=str, parse_float=str)  # the functions below need a valid document
    start = _skip(text, 0)
    cells = []
    for position, _ in _items(text, _members(text, start)["cells"][0]):
        members = _members(text, position)
        if DECODER.raw_decode(text, members["cell_type"][0])[0] == "code":
            start, end = members["source"]
            source = json.loads(text[start:end])
            if not isinstance(source, str | list):
                raise TypeError("the source of a cell must be a string or an array of strings")
            cells.append(CodeCell("".join(source), start, end))
    return cells


def with_sources(text: str, sources: dict[CodeCell, str]) -> str:
    """Return the text of a notebook with other code in some of its code cells.

    Args:
        text: JSON text of the notebook.
        sources: New code, by cell. Lines that are in the old code, too, keep their JSON representation.
    """
    parts, done = [], 0
    for cell, source in sources.items():
        parts += [text[done : cell.start], _value(text, cell, source)]
        done = cell.end
    return "".join([*parts, text[done:]])


def _value(text: str, cell: CodeCell, source: str) -> str:
    """Return the JSON value of the new source of a cell: a string, or a list of lines, as before."""
    escape_unicode = text.isascii()
    if text[cell.start] != "[":
        return json.dumps(source, ensure_ascii=escape_unicode)
    ranges = list(_items(text, cell.start))
    known = {DECODER.raw_decode(text, start)[0]: text[start:end] for start, end in ranges}
    lines = [known.get(line) or json.dumps(line, ensure_ascii=escape_unicode) for line in source.splitlines(True)]
    if not ranges:
        return f"[{', '.join(lines)}]"
    before, after = text[cell.start : ranges[0][0]], text[ranges[-1][1] : cell.end]
    comma = text[ranges[0][1] : ranges[1][0]] if len(ranges) > 1 else f",{before[1:] or ' '}"
    return f"{before}{comma.join(lines)}{after}"


def _members(text: str, start: int) -> dict[str, tuple[int, int]]:
    """Return the positions of the values of a JSON object, by name. If a name occurs twice, the last one counts."""
    if text[start] != "{":
        raise TypeError("a notebook and its cells must be objects")
    members = {}
    position = _skip(text, start + 1)
    while text[position] != "}":
        name, end = DECODER.raw_decode(text, position)
        value = _skip(text, end)
        end = DECODER.raw_decode(text, value)[1]
        members[name] = value, end
        position = _skip(text, end)
    return members


def _items(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield the positions of the values of a JSON array."""
    if text[start] != "[":
        raise TypeError("the cells of a notebook must be an array")
    position = _skip(text, start + 1)
    while text[position] != "]":
        end = DECODER.raw_decode(text, position)[1]
        yield position, end
        position = _skip(text, end)


def _skip(text: str, position: int) -> int:
    found = BETWEEN.match(text, position)
    return found.end() if found else position
