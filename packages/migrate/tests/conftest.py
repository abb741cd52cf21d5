import contextlib

import pytest

from tensorsmith.migrate import migrate_script
from tensorsmith.migrate.worker import Worker

collect_ignore_glob = ["corpus/*", "run_scripts.py", "scripts/*"]  # read by test_corpus.py and test_migrate.py

HEAD = "import tensorflow as tf\nimport keras\nimport tensorflow_addons as tfa\n\n"


@pytest.fixture
def migrated():
    """Function that returns the last line of a migrated script, the comment above it, and the result."""

    def call(code):
        result = migrate_script(f"{HEAD}{code}\n".encode())
        *above, line = result.script.decode().rstrip().splitlines()
        comment = above[-1].strip() if above[-1].strip().startswith("# tensorsmith migrate:") else ""
        assert migrate_script(result.script).script == result.script
        return line, comment, result

    return call


@pytest.fixture(scope="session")
def session_worker():
    with Worker() as worker:
        yield worker


@pytest.fixture(autouse=True)
def worker(session_worker, monkeypatch):
    """The worker process of all tests, each of which would otherwise wait for a new process."""
    monkeypatch.setattr("tensorsmith.migrate.files.Worker", lambda: contextlib.nullcontext(session_worker))
