"""Recipe files as scripts."""

import sys
from importlib.metadata import entry_points

from tensorsmith.core import argument_error


def run_script(path: str) -> None:
    """Run a recipe file with the flags of the command line, as `tensorsmith run` does, and exit.

    Args:
        path: The file, usually `__file__`.

    Raises:
        ValueError: The command is not installed.
    """
    commands = list(entry_points(group="console_scripts", name="tensorsmith"))
    if not commands:
        raise argument_error("tensorsmith", None, "the command, which runs recipes", "install tensorsmith-tools")
    sys.exit(commands[0].load()(["run", path, *sys.argv[1:]]))
