"""Execution of recipe files as scripts."""

import sys
from importlib.metadata import entry_points

from tensorsmith.core import Verbatim, argument_error


def run_script(path: str) -> None:
    """Run a recipe file with the command-line flags of the current process, like `tensorsmith run`, and exit.

    Args:
        path: Path of the recipe file, usually `__file__`.

    Raises:
        ValueError: If the package `tensorsmith-tools` is not installed.
    """
    commands = list(entry_points(group="console_scripts", name="tensorsmith"))
    if not commands:
        raise argument_error(
            "tensorsmith-tools",
            Verbatim("no such package"),
            "installed to run recipes",
            "run `pip install tensorsmith-tools`",
        )
    sys.exit(commands[0].load()(["run", path, *sys.argv[1:]]))
