"""Runs checks where TensorFlow starts with two logical CPUs. Run as a module; see workers.py for the protocol."""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Answers requests, one JSON object a line, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints must not end up among the answers
    sys.path[:] = json.loads(sys.stdin.readline())

    from tensorsmith.testing.checks.distribution import two_cpus
    from tensorsmith.testing.conformance_file import load_rows
    from tensorsmith.testing.errors import ConformanceError
    from tensorsmith.testing.running import run_check

    two_cpus()  # before a conformance file starts TensorFlow
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
