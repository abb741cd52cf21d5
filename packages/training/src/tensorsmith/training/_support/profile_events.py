"""Evaluation of the events in a profile of TensorFlow."""

import math
from collections.abc import Iterable

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2  # format of the profile files

STEPS = "training steps"  # event of each call of the training loop, recorded by the callback `Profile`
# Events of the kernels that read the next batch of an iterator, from the call until the batch is available.
GET_NEXT = (
    "IteratorGetNextOp::DoCompute",
    "IteratorGetNextAsOptionalOp::DoCompute",
    "MultiDeviceIteratorGetNextFromShardOp",
)

Interval = tuple[int, int]


def waiting_fraction(folder: str) -> float:
    """Returns the fraction of the time of the profiled steps in which batches of an iterator were awaited.

    Args:
        folder: Folder of the profiles, of which the newest is read.

    Returns:
        A number from 0 to 1, or NaN if there are no profiled steps.
    """
    paths = tf.io.gfile.glob(f"{folder}/plugins/profile/*/*.xplane.pb")
    if not paths:
        return math.nan
    newest = max(paths, key=lambda path: tf.io.gfile.stat(path).mtime_nsec)
    with tf.io.gfile.GFile(newest, "rb") as file:
        space = xplane_pb2.XSpace.FromString(file.read())
    steps = _merged(_intervals(space, (STEPS,)))
    waiting = _merged(_intervals(space, GET_NEXT))  # with several replicas, events of the same step overlap
    total = sum(end - begin for begin, end in steps)
    # Evaluation between the steps reads batches as well.
    waited = sum(max(0, min(one[1], other[1]) - max(one[0], other[0])) for one in steps for other in waiting)
    return waited / total if total else math.nan


def _intervals(space: xplane_pb2.XSpace, names: tuple[str, ...]) -> list[Interval]:
    """Returns the begin and end of all events with a name that starts with one of the given names, in picoseconds."""
    found = []
    for plane in space.planes:
        kinds = {key for key, metadata in plane.event_metadata.items() if metadata.name.startswith(names)}
        for line in plane.lines if kinds else ():
            for event in line.events:
                if event.metadata_id in kinds:
                    begin = line.timestamp_ns * 1000 + event.offset_ps
                    found.append((begin, begin + event.duration_ps))
    return found


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Returns disjoint intervals that cover the same time."""
    merged: list[Interval] = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
