"""Detection of dead worker processes through files in a shared folder."""

import contextlib
import io
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tensorsmith.runs import unreachable, wait_for

if TYPE_CHECKING:
    import keras_tuner

SECONDS_BETWEEN_BEATS = 2.0
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_OF_SILENCE = 30.0  # a worker counts as dead after this time
LAUNCHER = "TENSORSMITH_LAUNCHER"  # environment variable with the ID of the supervising process

log = logging.getLogger("tensorsmith.tuning")


def end_without_launcher() -> bool:
    """Asks this process to save and exit if its launcher has exited, and returns `True` in this case."""
    parent = str(os.getppid())
    gone = os.environ.get(LAUNCHER, parent) != parent
    if gone:
        os.kill(os.getpid(), signal.SIGTERM)
    return gone


def wait_for_chief(timeout: float) -> None:
    """Waits until a worker can reach the chief. Workers that have a launcher do not need to wait.

    Args:
        timeout: Maximum time to wait, in seconds.

    Raises:
        TimeoutError: If the chief cannot be reached within `timeout` seconds.
        ConnectionError: If another program answers at the address of the chief.
    """
    name, host, port = (os.environ.get(f"KERASTUNER_{each}", "") for each in ("TUNER_ID", "ORACLE_IP", "ORACLE_PORT"))
    if not host or "chief" in name or LAUNCHER in os.environ:
        return

    def missing() -> str:
        reason = unreachable(f"{host}:{port}")
        return f"the chief at {host}:{port} ({reason})" if reason else ""

    wait_for(missing, timeout, "Start the process with KERASTUNER_TUNER_ID=chief.")


def sign_of_life(folder: Path, worker: str) -> Path:
    """Returns the path of a worker's heartbeat file. Removing the file declares the worker dead."""
    return folder / "workers" / worker


class Beat:
    """Thread that periodically updates the heartbeat file of a worker.

    The worker exits if its file has been removed, because its trial has been reassigned, or if its launcher has exited.

    Args:
        folder: Folder that contains the files of the hyperparameter search.
        worker: Name of the worker process.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self._file = sign_of_life(folder, worker)
        self._file.parent.mkdir(exist_ok=True)
        self._file.touch()
        self._stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Stops the thread and removes the heartbeat file, so that the trial is reassigned immediately."""
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
                    os.kill(os.getpid(), signal.SIGTERM)  # the trial saves a checkpoint and exits
                return


class Oversight:
    """Monitor that detects dead workers and requeues their trials.

    Args:
        folder: Folder that contains the files of the hyperparameter search.
        oracle: Oracle of keras-tuner that chooses the trials. It must belong to the chief process.
    """

    def __init__(self, folder: Path, oracle: "keras_tuner.Oracle") -> None:
        self._folder = folder
        self._oracle = oracle
        self._heard: dict[str, tuple[int, float]] = {}  # modification time, and local time of the last change

    def look(self) -> list[str]:
        """Requeues the trials of workers that died after requesting a trial, and returns the names of the workers."""
        gone = [worker for worker in sorted(self._oracle.tuner_ids) if self._is_gone(worker)]
        for worker in gone:
            sign_of_life(self._folder, worker).unlink(missing_ok=True)
            trial = self._oracle.give_up(worker)
            had = "it had no trial" if trial is None else f"trial {trial} will be reassigned"
            log.warning("lost %s; %s", worker, had)
        return gone

    def _is_gone(self, worker: str) -> bool:
        try:
            touched = sign_of_life(self._folder, worker).stat().st_mtime_ns
        except FileNotFoundError:
            return True  # created before the first request of the worker
        before, since = self._heard.get(worker, (0, 0.0))
        if touched != before:
            since = time.monotonic()
            self._heard[worker] = (touched, since)
        return time.monotonic() - since > SECONDS_OF_SILENCE


def serve(
    run: Callable[[], None], oracle: "keras_tuner.Oracle", tasks: Sequence[Callable[[], object]], timeout: float
) -> None:
    """Runs the loop that assigns trials to workers, until all workers have been asked to stop.

    The loop of keras-tuner waits indefinitely for a worker that has died, and up to 20 s longer than necessary. It
    therefore runs in a thread.

    Args:
        run: Function that runs the trial loop of keras-tuner.
        oracle: Oracle of keras-tuner that chooses the trials.
        tasks: Functions without arguments that are called periodically while the loop is running.
        timeout: Maximum time to wait for the first worker, in seconds.

    Raises:
        TimeoutError: If no worker asks for a trial within `timeout` seconds.
    """
    errors: list[BaseException] = []

    def target() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            errors.append(error)

    thread = threading.Thread(target=target, daemon=True)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints conditions that workers send
        thread.start()
        if LAUNCHER not in os.environ:
            _wait_for_worker(oracle, thread, timeout)
        while thread.is_alive() and not oracle.all_dismissed:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for task in tasks:
                task()
    if errors:
        raise errors[0]
    time.sleep(SECONDS_BETWEEN_BEATS)  # time for the last answer to arrive


def _wait_for_worker(oracle: "keras_tuner.Oracle", thread: threading.Thread, timeout: float) -> None:
    """Waits until a worker has asked for a trial, or until the thread that answers it has failed."""

    def missing() -> str:
        return "" if oracle.tuner_ids or oracle.all_dismissed or not thread.is_alive() else "a worker"

    wait_for(missing, timeout, "Start processes with other values of KERASTUNER_TUNER_ID.")
