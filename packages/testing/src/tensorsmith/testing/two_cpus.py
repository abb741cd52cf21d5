"""Server process that runs checks with two logical CPUs. Run as a module; workers.py describes the protocol."""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Reads requests from standard input, one JSON object per line, and writes a response to each of them."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # printed output must not mix with the answers
    sys.path[:] = json.loads(sys.stdin.readline())

    from tensorsmith.testing.checks.distribution import two_cpus
    from tensorsmith.testing.conformance_file import load_rows
    from tensorsmith.testing.errors import ConformanceError
    from tensorsmith.testing.running import run_check

    two_cpus()  # configured before a conformance file initializes TensorFlow
    tables = {}
    for line in sys.stdin:
        request = json.loads(line)
        path = request["path"]
        try:
            if path not in tables:
                tables[path] = load_rows(Path(path))
            run_check(tables[path][request["row"]], request["check"])
            message = None
        except ConformanceError as error:
            message = str(error)
        print(json.dumps({"error": message}), file=answers, flush=True)


if __name__ == "__main__":
    main()
