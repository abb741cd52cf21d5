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
from pathlib import Path
from types import ModuleType

from tensorsmith.recipes import RunSettings
from tensorsmith.recipes.recipe_settings import field_comments

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- public names: written by tools/public_names.py -->", "<!-- /public names -->"
SETTINGS_BEGIN, SETTINGS_END = "<!-- run settings: written by tools/public_names.py -->", "<!-- /run settings -->"
BRIDGE = "addons"  # excluded: its names are those of TensorFlow Addons, and importing it modifies tf.keras


def readmes() -> dict[str, Path]:
    """Returns the README paths of the packages with public names, by package name."""
    folders = [*ROOT.glob("custom_ops/*/src/tensorsmith/*"), *ROOT.glob("packages/*/src/tensorsmith/*")]
    found = {
        folder.name: folder.parents[2] / "README.md" for folder in sorted(folders) if (folder / "__init__.py").exists()
    }
    return {name: path for name, path in found.items() if name != BRIDGE}


def with_table(text: str, package: ModuleType) -> str:
    """Returns the README text with an updated table of public names."""
    before = text.partition(f"\n{BEGIN}")[0].rstrip()
    rows = [f"| `{name}` | {_summary(package, name)} |" for name in sorted(package.__all__, key=str.lower)]
    table = "\n".join(["## All public names", "", "| name | description |", "| --- | --- |", *rows])
    return f"{before}\n\n{BEGIN}\n\n{table}\n\n{END}\n"


def with_run_settings(text: str) -> str:
    """Returns the README text of the recipes with an updated table of the settings of a run."""
    before, _, rest = text.partition(SETTINGS_BEGIN)
    _, _, after = rest.partition(SETTINGS_END)
    defaults = {field.name: field.default for field in dataclasses.fields(RunSettings)}
    rows = [f"| `{name}` | {comment} | {defaults[name]} |" for name, comment in field_comments(RunSettings).items()]
    table = "\n".join(["| setting | effect | default |", "| --- | --- | --- |", *rows])
    return f"{before}{SETTINGS_BEGIN}\n\n{table}\n\n{SETTINGS_END}{after}"


def _summary(package: ModuleType, name: str) -> str:
    """Returns the first line of the docstring of a class or function, or the comment on a constant."""
    thing = getattr(package, name)
    documented = inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing)
    documented = documented and not isinstance(thing, types.GenericAlias)
    lines = (inspect.getdoc(thing) or "").splitlines() if documented else [_comment(package, name)]
    return re.sub(r"\|", r"\\|", lines[0]) if lines else ""


def _comment(package: ModuleType, name: str) -> str:
    """Returns the comment on the definition of a constant, which is on the same line or above it, as a sentence."""
    for path in sorted(Path(package.__path__[0]).rglob("*.py")):
        lines = ["", *path.read_text().splitlines()]
        for above, line in itertools.pairwise(lines):
            if re.match(rf"{re.escape(name)}(: .*)? = ", line):
                comment = line.partition("  # ")[2] or above.removeprefix("# ")
                return f"{comment[:1].upper()}{comment[1:].rstrip('.')}."
    raise LookupError(f"{package.__name__}.{name} has no comment")


if __name__ == "__main__":
    for name, path in readmes().items():
        text = with_table(path.read_text(), importlib.import_module(f"tensorsmith.{name}"))
        path.write_text(with_run_settings(text) if name == "recipes" else text)
