"""Process that imports TensorFlow once and runs each command in a fork of itself.

The import takes several seconds, often longer than a training run of a comparison.
"""

import json
import os
import runpy
import signal
import sys
from pathlib import Path

from tensorsmith.core import load_tensorflow
from tensorsmith.runs import end_on_hangup, open_log


def serve() -> None:
    """Run the commands that standard input contains, one at a time, and print an empty line after each.

    Each line of standard input is a JSON list: the path of a log file, to which the output is appended, the name of a
    module to run as a script, and its arguments. When standard input is closed, also because its writer was killed, the
    current run receives SIGTERM, so that it saves a checkpoint and ends.
    """
    load_tensorflow()
    for line in sys.stdin:
        log, module, *arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            end_on_hangup(os.dup(0))
            _redirect_output(log)
            sys.argv = [module, *arguments]
            runpy.run_module(module, run_name="__main__")
            sys.exit()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            with open_log(log) as file:
                print(f"The run was killed by {signal.Signals(os.WTERMSIG(status)).name}.", file=file)
        print(flush=True)


def _redirect_output(path: str) -> None:
    """Redirect the output of this process and of its children to a file, and their input to an empty one."""
    with open_log(path) as log, Path(os.devnull).open("rb") as empty:
        os.dup2(empty.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
