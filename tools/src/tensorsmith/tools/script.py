"""`python recipes/<family>/<name>.py` does what `tensorsmith run` does."""

import sys

from tensorsmith.tools.main import main


def run_script(path: str) -> None:
    """Runs a recipe's own file with the flags of the command line, and exits."""
    sys.exit(main(["run", path, *sys.argv[1:]]))
