"""Program of the processes that `tensorsmith launch` starts, which runs a script until the launcher ends."""

import runpy
import sys
from pathlib import Path

from tensorsmith.runs import end_with_launcher

if __name__ == "__main__":
    end_with_launcher()
    del sys.argv[0]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))  # as for `python SCRIPT`
    runpy.run_path(sys.argv[0], run_name="__main__")
