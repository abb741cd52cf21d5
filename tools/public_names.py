"""Update the generated tables in README files of packages: `python tools/public_names.py`.

The README of each package ends with the names in `__all__` and the first lines of their docstrings. A test verifies
that the tables are current.
"""

import dataclasses
import importlib
import inspect
import itertools
import re
import types
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from tensorsmith.recipes import RunSettings
from tensorsmith.recipes.recipe_settings import field_comments

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- public names: written by tools/public_names.py -->", "<!-- /public names -->"
SETTINGS_BEGIN, SETTINGS_END = "<!-- run settings: written by tools/public_names.py -->", "<!-- /run settings -->"
LEAST = 3  # a folder with fewer public names has no table of its own
BRIDGE = "addons"  # excluded: its names are those of TensorFlow Addons, and importing it modifies tf.keras


def readmes() -> dict[str, Path]:
    """Returns the README paths of the packages with public names, by package name."""
    folders = [*ROOT.glob("custom_ops/*/src/tensorsmith/*"), *ROOT.glob("packages/*/src/tensorsmith/*")]
    found = {
        folder.name: folder.parents[2] / "README.md" for folder in sorted(folders) if (folder / "__init__.py").exists()
    }
    return {name: path for name, path in found.items() if name != BRIDGE}


def with_table(text: str, package: ModuleType) -> str:
    """Returns the README text with an updated table of public names, which has a section for each folder."""
    before = text.partition(f"\n{BEGIN}")[0].rstrip()
    sections = "\n\n".join(_sections(package))
    return f"{before}\n\n{BEGIN}\n\n## All public names\n\n{sections}\n\n{END}\n"


def with_run_settings(text: str) -> str:
    """Returns the README text of the recipes with an updated table of the settings of a run."""
    before, _, rest = text.partition(SETTINGS_BEGIN)
    _, _, after = rest.partition(SETTINGS_END)
    defaults = {field.name: field.default for field in dataclasses.fields(RunSettings)}
    rows = [f"| `{name}` | {comment} | {defaults[name]} |" for name, comment in field_comments(RunSettings).items()]
    table = "\n".join(["| setting | effect | default |", "| --- | --- | --- |", *rows])
    return f"{before}{SETTINGS_BEGIN}\n\n{table}\n\n{SETTINGS_END}{after}"


def _sections(package: ModuleType) -> list[str]:
    """Returns tables of the names outside of folders, of each folder, and of modules with other public names."""
    folders = defaultdict(list)
    for name in package.__all__:
        if not inspect.ismodule(getattr(package, name)):
            folders[_folder(package, name)].append(name)
    small = [folder for folder, names in folders.items() if folder and len(names) < LEAST]
    folders[""] += [name for folder in small for name in folders.pop(folder)]
    if len(folders) == 2 and not folders[""]:
        folders = {"": next(filter(None, folders.values()))}  # all names are in one folder
    sections = [_table(package, folders.pop(""))] if folders[""] else []
    for folder, names in sorted(folders.items()):
        if names:
            title = _first_line(importlib.import_module(f"{package.__name__}.{folder}")).partition(". ")[0]
            sections.append(f"### {title.rstrip('.')}\n\n{_table(package, names)}")
    for path in sorted(Path(package.__path__[0]).glob("[!_]*/__init__.py")):
        if "__all__" in path.read_text():
            module = importlib.import_module(f"{package.__name__}.{path.parent.name}")
            if not set(module.__all__) & set(package.__all__):
                table = _table(module, module.__all__)
                sections.append(f"### `{module.__name__}`\n\n{_first_line(module)}\n\n{table}")
    return sections


def _folder(package: ModuleType, name: str) -> str:
    """Returns the folder of the package that defines a class or function, or "" if it is in none."""
    parts = getattr(getattr(package, name), "__module__", "").split(".")
    return parts[2] if len(parts) > 3 and ".".join(parts[:2]) == package.__name__ else ""


def _table(module: ModuleType, names: Iterable[str]) -> str:
    rows = [f"| `{name}` | {_summary(module, name)} |" for name in sorted(names, key=str.lower)]
    return "\n".join(["| name | description |", "| --- | --- |", *rows])


def _summary(module: ModuleType, name: str) -> str:
    """Returns the first line of the docstring of a class or function, or the comment on a constant."""
    thing = getattr(module, name)
    documented = (inspect.isclass(thing) or inspect.isroutine(thing)) and not isinstance(thing, types.GenericAlias)
    line = _first_line(thing) if documented else _comment(module, name)
    if not line:
        raise LookupError(f"{module.__name__}.{name} has no docstring")
    return line.replace("|", r"\|")


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _comment(module: ModuleType, name: str) -> str:
    """Returns the comment on the definition of a constant, which is on the same line or above it, as a sentence."""
    for path in sorted(Path(module.__path__[0]).rglob("*.py")):
        lines = ["", *path.read_text().splitlines()]
        for above, line in itertools.pairwise(lines):
            if re.match(rf"{re.escape(name)}(: .*)? = ", line):
                comment = line.partition("  # ")[2] or above.removeprefix("# ")
                return f"{comment[:1].upper()}{comment[1:].rstrip('.')}." if comment else ""
    raise LookupError(f"{module.__name__}.{name} has no comment")


if __name__ == "__main__":
    for name, path in readmes().items():
        text = with_table(path.read_text(), importlib.import_module(f"tensorsmith.{name}"))
        path.write_text(with_run_settings(text) if name == "recipes" else text)
