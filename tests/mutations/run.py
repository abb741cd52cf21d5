"""Run the fast tests against deliberate defects and report which test detects each.

    python tests/mutations/run.py [WORD ...] [--log FILE]

Each defect of `mutants.py` whose name contains a WORD (by default, every defect) is written to the checkout. The tests
named by the defect run until one fails; if none fails, all fast tests run. The file is then restored. The exit code is
1 if a defect survives.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))
from mutants import MUTANTS, Mutant  # noqa: E402

BUILD = ROOT / "custom_ops/build_library.py"


def tracked() -> list[str]:
    """Return the paths of tracked files, relative to the root."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def source_of(mutant: Mutant, files: list[str]) -> Path:
    """Return the path of the file that a mutant edits.

    Raises:
        ValueError: If not exactly one file matches, or the code does not occur exactly once in it.
    """
    named = [ROOT / file for file in files if f"/{file}".endswith(mutant.file) and "tests" not in Path(file).parts]
    found = [path for path in named if mutant.before in path.read_text()]
    if len(found) != 1 or found[0].read_text().count(mutant.before) != 1:
        raise ValueError(f"{mutant.name!r} must match once in one file {mutant.file}, got {found or named}.")
    return found[0]


def tests_of(mutant: Mutant, files: list[str]) -> list[str]:
    """Return the existing paths of the test files and folders that a mutant names."""
    positions = {*files, *(str(folder) for file in files for folder in Path(file).parents)}
    return [position for end in mutant.tests for position in sorted(positions) if f"/{position}".endswith(f"/{end}")]


def failing_test(*paths: str) -> str | None:
    """Run fast tests until one fails, and return its name."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-n",
        "2",
        "-m",
        "not slow",
        "-p",
        "no:cacheprovider",
        *paths,
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    failed = [line.split(" - ")[0] for line in result.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if result.returncode and not failed:
        return result.stdout.strip().splitlines()[-1]
    return failed[0] if failed else None


def find(mutant: Mutant, path: Path, files: list[str]) -> str | None:
    """Return the name of the test that detects a mutant, or `None` if the mutant survives."""
    text = path.read_text()
    compiled = path.suffix in (".cc", ".h")
    try:
        path.write_text(text.replace(mutant.before, mutant.after))
        if compiled:
            subprocess.run([sys.executable, BUILD], cwd=ROOT, check=True, capture_output=True)
        near = tests_of(mutant, files)
        return (failing_test(*near) if near else None) or failing_test()
    finally:
        path.write_text(text)
        if compiled:
            subprocess.run([sys.executable, BUILD], cwd=ROOT, check=True, capture_output=True)


def main() -> int:
    """Test all selected mutants, print a line for each, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--log", type=Path, help="a file that gets a JSON object per mutant")
    arguments = parser.parse_args()
    files, survived = tracked(), 0
    for mutant in MUTANTS:
        if arguments.words and not any(word in mutant.name for word in arguments.words):
            continue
        begin = time.perf_counter()
        found_by = find(mutant, source_of(mutant, files), files)
        seconds = round(time.perf_counter() - begin)
        survived += found_by is None
        print(f"{mutant.name}: {found_by or 'SURVIVED'} ({seconds} s)", flush=True)
        if arguments.log:
            with arguments.log.open("a") as log:
                log.write(json.dumps({"mutant": mutant.name, "found_by": found_by, "seconds": seconds}) + "\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
