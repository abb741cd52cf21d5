"""Deactivation of the autotuning of `tf.data` pipelines."""

import tensorflow as tf

from tensorsmith.core.types import Dataset


def without_autotuning(dataset: Dataset) -> Dataset:
    """Returns the dataset without autotuning, unless its options activate it.

    The destructor of an iterator waits for the thread that tunes the pipeline. TensorFlow (2.21) wakes this thread
    before it sets the flag that the thread checks, so that the thread often sleeps until the next time it tunes: after
    an epoch of 20 seconds for as many seconds more, and up to a minute. Without autotuning, `tf.data.AUTOTUNE` is the
    number of cores, at most 16, for parallel calls, and a prefetch buffer grows when it is empty.
    """
    if dataset.options().autotune.enabled is not None:
        return dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
