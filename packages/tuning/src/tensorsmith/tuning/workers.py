"""Knowing which workers of a search are alive, by files in the folder that all of them share."""

import contextlib
import fcntl
import io
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tensorsmith.core import Verbatim, argument_error

if TYPE_CHECKING:
    import keras_tuner

SECONDS_BETWEEN_BEATS = 2.0
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_OF_SILENCE = 30.0  # after which a worker counts as gone
LAUNCHER = "TENSORSMITH_LAUNCHER"  # environment variable: the process that looks after this one, and holds the folder

log = logging.getLogger("tensorsmith.tuning")


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[int]:
    """Holds a search's folder, as long as this process, or another that has got the file descriptor, does not end.

    Raises:
        ArgumentError: Somebody else holds it.
    """
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            received = Verbatim(f"{folder}, but another search is running in this folder")
            raise argument_error("out", received, "a folder for this search alone", "wait until it ends") from error
        yield lock
    finally:
        os.close(lock)


def end_without_launcher() -> bool:
    """Has this process save and end if the one that looked after it has gone; returns whether it has."""
    parent = str(os.getppid())
    gone = os.environ.get(LAUNCHER, parent) != parent
    if gone:
        os.kill(os.getpid(), signal.SIGTERM)
    return gone


def sign_of_life(folder: Path, worker: str) -> Path:
    """The file that a worker touches again and again; who removes it declares the worker gone."""
    return folder / "workers" / worker


class Beat:
    """Touches a worker's file, until it is stopped. A worker whose file has been removed ends: another has its trial.
    So does one whose launcher has gone.

    Args:
        folder: Of the search.
        worker: Its name.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self._file = sign_of_life(folder, worker)
        self._file.parent.mkdir(exist_ok=True)
        self._file.touch()
        self._stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Ends the touching, and lets the chief know at once."""
        self._stopped.set()
        self._file.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._stopped.wait(SECONDS_BETWEEN_BEATS):
            if end_without_launcher():
                return
            try:
                os.utime(self._file)
            except FileNotFoundError:
                if not self._stopped.is_set():
                    os.kill(os.getpid(), signal.SIGTERM)  # the trial saves and ends
                return


class Oversight:
    """Notices workers that are gone, and gives their trials to others.

    Args:
        folder: Of the search.
        oracle: The chief's.
    """

    def __init__(self, folder: Path, oracle: "keras_tuner.Oracle") -> None:
        self._folder = folder
        self._oracle = oracle
        self._heard: dict[str, tuple[int, float]] = {}  # the file's time, and by this process' clock when it changed

    def look(self) -> list[str]:
        """Looks once at all workers that have asked for trials, and returns those who are gone."""
        gone = [worker for worker in sorted(self._oracle.tuner_ids) if self._is_gone(worker)]
        for worker in gone:
            sign_of_life(self._folder, worker).unlink(missing_ok=True)
            trial = self._oracle.give_up(worker)
            had = "it had no trial" if trial is None else f"trial {trial} goes to the next who asks"
            log.warning("%s is gone; %s", worker, had)
        return gone

    def _is_gone(self, worker: str) -> bool:
        try:
            touched = sign_of_life(self._folder, worker).stat().st_mtime_ns
        except FileNotFoundError:
            return True  # it was there before the worker first asked
        before, since = self._heard.get(worker, (0, 0.0))
        if touched != before:
            since = time.monotonic()
            self._heard[worker] = (touched, since)
        return time.monotonic() - since > SECONDS_OF_SILENCE


def serve(run: Callable[[], None], oracle: "keras_tuner.Oracle", tasks: Sequence[Callable[[], object]]) -> None:
    """Gives out trials until the last worker has been told to stop.

    keras-tuner's own loop waits for ever for a worker that has died, and up to 20 s longer than it need, so it runs
    beside this one.

    Args:
        run: That loop.
        oracle: Which it serves.
        tasks: Are called again and again.
    """
    errors: list[BaseException] = []

    def target() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - raised below, where somebody sees it
            errors.append(error)

    thread = threading.Thread(target=target, daemon=True)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints conditions that come from workers
        thread.start()
        while thread.is_alive() and not oracle.all_dismissed:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for task in tasks:
                task()
    if errors:
        raise errors[0]
    time.sleep(SECONDS_BETWEEN_BEATS)  # for the last answer to arrive
