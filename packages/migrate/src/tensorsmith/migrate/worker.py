"""Process in which scripts are parsed and rewritten.

A script may overflow the stack of the parser, exhaust the memory, or occupy the parser for a very long time. Only the
worker ends in this case, and the next script gets a new one.
"""

import contextlib
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tensorsmith.migrate.errors import UnreadableError
from tensorsmith.migrate.modules import Globals, Importer, Modules, module_globals
from tensorsmith.migrate.notebook import rewrite_notebook
from tensorsmith.migrate.rewrite import Migrated, rewrite

SECONDS = 30.0  # CPU time for each script, so that the result does not depend on the load of the machine
MEMORY = 2e9  # bytes, of which the parser needs up to 2000 for each byte of a script
CODE = "import sys; from tensorsmith.migrate.worker import serve; serve(*map(float, sys.argv[1:]))"
ENCODING = "latin-1"  # of the bytes of a script in JSON


class Worker:
    """Worker process, which is started when it is needed, reused, and replaced when it has ended.

    Requests and responses are lines of JSON.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._modules: dict[Path, Globals] = {}
        self._knows_modules = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def globals_of(self, script: bytes) -> Globals:
        """Return the global names and imports of a module.

        Raises:
            UnreadableError: If the module cannot be parsed.
        """
        return Globals(**self._result("globals", Path(), script))

    def use(self, modules: dict[Path, Globals]) -> None:
        """Set the modules of the project, by their resolved paths, for the scripts that are migrated from now on."""
        self._modules, self._knows_modules = modules, False

    def migrated(self, path: Path, script: bytes) -> Migrated:
        """Migrate a script or notebook of the project.

        Raises:
            UnreadableError: If the script cannot be parsed.
        """
        result = self._result("notebook" if path.suffix == ".ipynb" else "script", path, script)
        return Migrated(result.pop("script").encode(ENCODING), **result)

    def _result(self, task: str, path: Path, script: bytes) -> Any:
        if not self._process:
            # -P: modules in the current folder, which is often the project, are not imported.
            command = [sys.executable, "-P", "-c", CODE, str(SECONDS), str(MEMORY)]
            pipe = subprocess.PIPE
            # Without stderr: if memory is exhausted, the parser prints a message there and aborts.
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
            self._knows_modules = False
        requests: dict[str, Any] = {"task": task, "path": str(path), "script": script.decode(ENCODING)}
        if not self._knows_modules:
            requests["modules"] = {str(path): vars(known) for path, known in self._modules.items()}
            self._knows_modules = True
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(requests).encode() + b"\n")
            self._process.stdin.flush()
            response = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):  # the process has ended
            raise UnreadableError(_reason(self._end())) from None
        if "error" in response:
            raise UnreadableError(response["error"])
        return response["result"]

    def _end(self) -> int:
        """End the worker, unless it has ended, and return its exit code."""
        if not self._process:
            return 0
        process, self._process = self._process, None
        with process:
            process.kill()
            assert process.stdin
            with contextlib.suppress(BrokenPipeError):  # the rest of a request is still in the buffer
                process.stdin.close()
        return process.returncode


def serve(seconds: float, memory: float = MEMORY) -> None:
    """Respond to the requests on standard input until it is closed.

    Args:
        seconds: Maximum CPU time for each request. The process is terminated if a request needs more.
        memory: Maximum memory in bytes. The process may be terminated if a request needs more.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C, the parent process ends this one
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # if the parent process was killed, this one ends with its response
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, also within the parser, which is native code
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no file
    limit = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if limit == resource.RLIM_INFINITY or limit > memory:
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
    modules = Modules({})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "modules" in request:
            modules = Modules({Path(path): Globals(**known) for path, known in request["modules"].items()})
        script, importer = request["script"].encode(ENCODING), Importer(modules, Path(request["path"]))
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            response: dict[str, Any] = {"result": _result(request["task"], script, importer)}
        except UnreadableError as error:
            response = {"error": str(error)}
        except MemoryError:
            response = {"error": _reason(-signal.SIGABRT)}
        except Exception as error:  # noqa: BLE001 - a defect of this package must not affect the other files
            response = {"error": f": internal error of the migration: {type(error).__name__}: {error}"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(response) + "\n")
        sys.stdout.flush()


def _result(task: str, script: bytes, importer: Importer) -> dict[str, Any]:
    """Return the attributes of the result of a task."""
    if task == "globals":
        return vars(module_globals(script))
    migrated = (rewrite_notebook if task == "notebook" else rewrite)(script, importer)
    return {**vars(migrated), "script": migrated.script.decode(ENCODING)}


def _reason(code: int) -> str:
    if code == -signal.SIGPROF:
        return f": parsing it takes more than {SECONDS:g} seconds"
    if code in (-signal.SIGSEGV, -signal.SIGBUS):
        return ": too deeply nested"
    if code == -signal.SIGABRT:
        return f": parsing it takes more than {MEMORY / 1e9:g} GB of memory"
    return f": its parser ended with the exit code {code}"
