"""Record the scores of completed runs, and update the recipe table in README.md.

python tools/scores.py train [RECIPE...]    # train recipes with up to three seeds, record the scores, update README.md
python tools/scores.py record RUN_FOLDER...
python tools/scores.py readme
python tools/scores.py stale                # list recipes whose source code has changed since they were recorded
"""

import argparse
import ast
import dataclasses
import functools
import hashlib
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorsmith.core import ArgumentError, Verbatim, argument_error, check, replace_file
from tensorsmith.recipes.catalog import RecipeFile, all_recipes, find_recipe
from tensorsmith.recipes.configuration import read_yaml, resolve

ROOT = Path(__file__).parents[1]
SCORES = ROOT / "recipes" / "scores.json"
README = ROOT / "README.md"
FIGURES = ROOT / "docs" / "figures"  # an image for each family
SEEDS = 3  # runs of a recipe
LONG = 180  # duration of a run in seconds, from which on only one is measured
BEGIN, END = "<!-- recipes: written by tools/scores.py -->\n", "<!-- /recipes -->\n"

Scores = dict[str, list[dict[str, Any]]]  # runs of each recipe, sorted by seed


@dataclasses.dataclass(frozen=True)
class Advertised:
    """Score that the recipe header states in its `Score:` line.

    Attributes:
        split: Name of the split, such as `test`.
        measure: Name of the metric, such as `accuracy`.
        number: Score as a string, which determines the number of digits.
    """

    split: str
    measure: str
    number: str

    @classmethod
    def by(cls, recipe: RecipeFile) -> "Advertised":
        """Returns the advertised score of a recipe."""
        words = recipe.line("Score").split()
        check(
            len(words) == 3,
            "Score",
            " ".join(words),
            "have the form SPLIT MEASURE NUMBER",
            f"correct the `Score:` line in {recipe.path}",
        )
        return cls(*words)

    def of(self, run: dict[str, Any]) -> float:
        """Returns the value of the advertised metric in a recorded run."""
        return float(run["scores"][self.split][self.measure])

    def rounded(self, value: float) -> str:
        """Returns a value formatted with as many digits as the score in the recipe header."""
        return f"{value:.{len(self.number.partition('.')[2])}f}"


def read_scores() -> Scores:
    """Returns the recorded scores of all recipes."""
    scores: Scores = json.loads(SCORES.read_text())
    return scores


def read_run(folder: Path) -> tuple[str, dict[str, Any]]:
    """Returns the recipe name of a completed run, and the scores and other metadata to record.

    Raises:
        ValueError: If the run is not finished, or its settings differ from the defaults of the recipe.
    """
    path = folder / "metrics.json"
    check(path.is_file(), "RUN_FOLDER", str(folder), "the folder of a finished run")
    metrics = json.loads(path.read_text())
    recipe = find_recipe(metrics["recipe"])
    used, own = resolve(recipe, read_yaml(folder / "config.yaml")), recipe.declaration.config_class()
    # The seed may differ. config.yaml contains the resolved value of jit="auto".
    resolved = {"jit": own.jit} if hasattr(own, "jit") else {}
    if dataclasses.replace(used, seed=own.seed, **resolved) != own:
        raise argument_error(
            "RUN_FOLDER", str(folder), f"the folder of a run with the default settings of {recipe.name}"
        )
    splits = {name: values for name, values in metrics.items() if isinstance(values, dict) and name != "versions"}
    return recipe.name, {
        # Further digits differ between machines.
        "scores": {
            split: {name: float(f"{value:.6g}") for name, value in values.items()} for split, values in splits.items()
        },
        **{name: metrics[name] for name in ("seed", "seconds", "steps_per_second", "versions")},
        "source": source_hash(recipe),
    }


def source_hash(recipe: RecipeFile) -> str:
    """Returns a hash of a recipe, its default configuration and the source of all packages that it imports.

    Comments and docstrings of Python files do not change the hash.
    """
    digest = hashlib.sha256(repr(dataclasses.asdict(recipe.declaration.config_class())).encode())
    digest.update(ast.unparse(_without_docstrings(recipe.path)).encode())
    for package in sorted(_packages_behind(recipe.path)):
        digest.update(_package_hash(package).encode())
    return digest.hexdigest()[:16]


def _packages_behind(path: Path) -> set[str]:
    """Returns the names of the tensorsmith packages that a file imports, directly or through other packages."""
    waiting, found = _imported_packages(path) - {"recipes"}, set()  # which only runs the file as a script
    while waiting:
        found.add(package := waiting.pop())
        waiting |= _imports_of_package(package) - found
    return found


@functools.cache
def _imports_of_package(package: str) -> frozenset[str]:
    return frozenset().union(*map(_imported_packages, _sources(package, "*.py")))


def _imported_packages(path: Path) -> set[str]:
    """Returns the names of the tensorsmith packages that a Python file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [
        f"tensorsmith.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "tensorsmith"
        for alias in node.names
    ]
    return {name.split(".")[1] for name in names if name.startswith("tensorsmith.")}


def _sources(package: str, pattern: str) -> list[Path]:
    """Returns the source files of a package that match a pattern."""
    folders = [folder for root in ("packages", "custom_ops") if (folder := ROOT / root / package / "src").is_dir()]
    return sorted(path for folder in folders for path in folder.rglob(pattern))


@functools.cache
def _package_hash(package: str) -> str:
    digest = hashlib.sha256()
    for path in _sources(package, "*.py"):
        digest.update(ast.unparse(_without_docstrings(path)).encode())
    for path in [*_sources(package, "*.cc"), *_sources(package, "*.h")]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _without_docstrings(path: Path) -> ast.Module:
    """Returns the syntax tree of a Python file without docstrings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def stale_recipes(scores: Scores) -> list[str]:
    """Returns the names of recipes whose source code has changed since one of their runs was recorded."""
    names = [recipe.name for recipe in all_recipes()]
    hashes = {name: source_hash(find_recipe(name)) for name in names}
    return [name for name in names if any(run.get("source") != hashes[name] for run in scores.get(name, []))]


def train(names: Sequence[str]) -> None:
    """Trains recipes, all by default, and records their scores: with three seeds if a run takes less than 3 minutes."""
    for name in names or [recipe.name for recipe in all_recipes()]:
        recipe = find_recipe(name)
        with tempfile.TemporaryDirectory() as parent:
            first, folders = recipe.declaration.config_class().seed, []
            for seed in range(first, first + SEEDS):
                folder = Path(parent) / f"seed-{seed}"
                command = [sys.executable, "-m", "tensorsmith.tools", "run", name]
                subprocess.run([*command, "--seed", str(seed), "--out", str(folder)], check=True)
                folders.append(folder)
                if json.loads((folder / "metrics.json").read_text())["seconds"] >= LONG:
                    break
            record(folders, keep=False)


def record(folders: Sequence[Path], keep: bool = True) -> None:
    """Adds runs, which were trained with the current source code, to the recorded scores.

    Args:
        folders: Run folders.
        keep: If `True`, a run replaces only an earlier run of the same recipe and seed. If `False`, all earlier runs of
            its recipe are removed.
    """
    scores = read_scores()
    if not keep:
        for name in {read_run(folder)[0] for folder in folders}:
            scores.pop(name, None)
    for name, run in map(read_run, folders):
        others = [other for other in scores.get(name, []) if other["seed"] != run["seed"]]
        scores[name] = sorted([*others, run], key=lambda each: each["seed"])
    with replace_file(SCORES) as draft:
        draft.write_text(json.dumps(scores, indent=2, sort_keys=True) + "\n")


def tables(scores: Scores) -> str:
    """Returns for each family its figure, if any, and a Markdown table of its recipes with their scores."""
    parts = []
    for family, recipes in itertools.groupby(all_recipes(), key=lambda recipe: recipe.family):
        rows = ["| recipe | description | score | seconds |", "| --- | --- | --- | ---: |"]
        for recipe in recipes:
            link = f"[{recipe.name}](recipes/{recipe.name}.py)"
            rows.append(f"| {link} | {recipe.shows} | {' | '.join(_measured(recipe, scores.get(recipe.name, [])))} |")
        figure = FIGURES / f"{family}.png"
        image = [f"![{figure.stem}]({figure.relative_to(ROOT)})", ""] if figure.exists() else []
        parts += [f"### {family}", "", *image, *rows, ""]
    return "\n".join(parts)


def _measured(recipe: RecipeFile, runs: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Returns the contents of the table cells for the score and the training time of a recipe."""
    if not runs:
        return "not measured yet", ""
    advertised = Advertised.by(recipe)
    values = [advertised.of(run) for run in runs]
    score = f"{advertised.split} {advertised.measure} {advertised.rounded(statistics.mean(values))}"
    if len(runs) > 1:
        score += f" ({advertised.rounded(min(values))} to {advertised.rounded(max(values))}, {len(runs)} seeds)"
    return score, f"{statistics.mean(run['seconds'] for run in runs):.0f}"


def with_table(readme: str, scores: Scores) -> str:
    """Returns the README text with an updated recipe table between its markers."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    check(
        bool(begin and end),
        "README.md",
        Verbatim("a file without the markers"),
        f"contain the markers {BEGIN.strip()} and {END.strip()}",
    )
    return f"{before}{BEGIN}\n{tables(scores)}\n{END}{after}"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script with command-line arguments and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record").add_argument("folders", metavar="RUN_FOLDER", type=Path, nargs="+")
    commands.add_parser("readme")
    commands.add_parser("train").add_argument("recipes", metavar="RECIPE", nargs="*")
    commands.add_parser("stale")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "stale":
            for name in stale_recipes(read_scores()):
                print(f"The scores of {name} were recorded with other source code. Run `make scores`.")
            return 0
        if arguments.command == "record":
            record(arguments.folders)
            return 0
        if arguments.command == "train":
            train(arguments.recipes)
        text = with_table(README.read_text(), read_scores())
        with replace_file(README) as draft:
            draft.write_text(text)
    except ArgumentError as error:
        print(f"scores: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
