"""Print the folders whose tests the changes of the working tree can affect: `python tools/changed_projects.py`.

Changed sources affect their project, the projects that depend on it, and the tests that cross packages. Changed tests
and READMEs affect only their own project, and a file at the root affects all.
"""

import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PREFIX = "tensorsmith-"
CROSSING = ("recipes", "tests")  # folders whose tests cross packages; recipes have no tests of their own


def changed_files(root: Path = ROOT) -> list[str]:
    """Returns the paths of the files in a checkout that differ from the last commit, including new ones."""
    lines = subprocess.run(
        ["git", "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return [line[3:] for line in lines if line]


def projects() -> dict[str, set[str]]:
    """Returns a dict that maps the folder of each project to the folders of the projects that it depends on."""
    files = [*ROOT.glob("custom_ops/*/pyproject.toml"), *ROOT.glob("packages/*/pyproject.toml")]
    files += [ROOT / "tools/pyproject.toml", ROOT / "benchmarks/pyproject.toml"]
    tables = {file.parent: tomllib.loads(file.read_text())["project"] for file in files}
    folders = {table["name"]: folder.relative_to(ROOT).as_posix() for folder, table in tables.items()}
    return {
        folders[table["name"]]: {folders[each] for each in table["dependencies"] if each.startswith(PREFIX)}
        for table in tables.values()
    }


def affected(files: Iterable[str], dependencies: dict[str, set[str]]) -> set[str]:
    """Returns the folders whose tests must be run if some files have changed.

    Args:
        files: Paths of the changed files, relative to the root.
        dependencies: Mapping from the folders of projects to those of the projects that they depend on.
    """
    found: set[str] = set()
    for file in files:
        project = next((folder for folder in dependencies if file.startswith(f"{folder}/")), None)
        if project and file.startswith((f"{project}/tests/", f"{project}/README.md")):
            found.add(project)
        elif project:
            found |= {*_above(project, dependencies), *CROSSING}
        elif file.startswith(tuple(f"{folder}/" for folder in CROSSING)):
            found |= set(CROSSING)
        elif not file.startswith("docs/") and file not in ("CHANGELOG.md", "LICENSE"):
            found |= {*dependencies, *CROSSING}
    return found


def _above(project: str, dependencies: dict[str, set[str]]) -> set[str]:
    """Returns the folder of a project and those of all projects that depend on it, directly or not."""
    found, size = {project}, 0
    while len(found) > size:
        size = len(found)
        found |= {folder for folder, below in dependencies.items() if below & found}
    if project == "packages/testing":  # all tests use it
        found |= set(dependencies)
    return found


if __name__ == "__main__":
    for folder in sorted(affected(changed_files(), projects())):
        print(folder)
