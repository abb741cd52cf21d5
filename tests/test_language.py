"""Tests of the words that texts and identifiers must not contain, and of the first lines of docstrings."""

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
FORBIDDEN = (
    "twin", "standing_in", "held_back", "handed_over", "misfit", "asked for wrongly", "had from nowhere",
    "what came of", "came to", "is gone on with", "whole number", "picture",
)  # fmt: skip
RELATIVE = re.compile(r"(What|Whatever|Whether|Which|Who|Whoever|Whose|How|Where|That of|Those of|That which)\b")


def tracked(*suffixes):
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in names if name.endswith(suffixes) and (ROOT / name) != Path(__file__)]


def test_forbidden_words():
    spaced = (re.escape(word).replace(r"\ ", "[ _]").replace("_", "[ _]") for word in FORBIDDEN)
    pattern = re.compile(rf"(?<![a-z])({'|'.join(spaced)})", re.IGNORECASE)
    found = []
    for path in tracked(".py", ".md", ".cc", ".h", ".sh", ".toml", "Makefile"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found += [f"{path.relative_to(ROOT)}:{number}: {match[0]}" for match in pattern.finditer(line)]
    assert not found, "\n".join(found)


def test_first_lines_of_docstrings():
    """At most 1 % of all docstrings open with a relative clause in place of a noun phrase or a verb."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = []
    for path in tracked(".py"):
        nodes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds))
        texts += [f"{path.relative_to(ROOT)}: {text}" for node in nodes if (text := ast.get_docstring(node))]
    relative = [text.splitlines()[0] for text in texts if RELATIVE.match(text.split(": ", 1)[1])]
    assert len(relative) < 0.01 * len(texts), "\n".join(relative)
