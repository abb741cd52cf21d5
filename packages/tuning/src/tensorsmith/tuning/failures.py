"""Failures of trials: exceptions that fail a trial, and the lines of a user at which they were raised."""

import traceback
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from keras_tuner.errors import FailedTrialError, FatalError

from tensorsmith.core import ArgumentError, Verbatim, argument_error, is_internal
from tensorsmith.training import NonFiniteLossError
from tensorsmith.tuning.search import Search, SearchError
from tensorsmith.tuning.trial import Result

REPEATS = 3  # consecutive trials that fail at the same line before the search stops, as in keras-tuner
EXPECTED = (ArgumentError, FailedTrialError, NonFiniteLossError, tf.errors.ResourceExhaustedError)


def stops_search(search: Search, error: Exception) -> bool:
    """Returns `True` if an exception in a trial stops the search instead of failing only the trial."""
    if isinstance(error, SearchError | FatalError):
        return True
    return search.on_error == "stop" and not isinstance(error, EXPECTED)


def describe(error: Exception) -> tuple[str, str, str]:
    """Returns the message of an exception, and the location and the traceback of an unexpected exception."""
    if isinstance(error, EXPECTED):
        return str(error), "", ""
    frames = [
        traceback.FrameSummary(frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not is_internal(frame)
    ] or traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}, in {last.name}"
    summary = traceback.format_exception_only(error)
    message = "".join(summary).strip().partition("\n")[0]
    return f"{where}: {message}", where, "".join([*traceback.format_list(frames), *summary])


def repeated_failure(results: Sequence[Result]) -> SearchError | None:
    """Returns an error that stops the search if `REPEATS` consecutive trials have failed at the same line.

    Args:
        results: Results of the trials in the order in which they were started.
    """
    latest = results[-REPEATS:]
    places = {result.where for result in latest}
    if len(latest) < REPEATS or len(places) > 1 or "" in places:
        return None
    received = Verbatim(f"{REPEATS} consecutive trials that failed at {latest[-1].error}")
    remedy = "correct the error, or raise keras_tuner.errors.FailedTrialError if a configuration cannot be trained"
    return SearchError.like(argument_error("recipe", received, "free of errors", remedy))
