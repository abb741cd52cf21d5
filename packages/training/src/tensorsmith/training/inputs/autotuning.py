"""Deactivation of the autotuning of `tf.data` pipelines."""

import tensorflow as tf

from tensorsmith.core.types import Dataset


def without_autotuning(dataset: Dataset) -> Dataset:
    """Returns the dataset without autotuning, unless its options activate it.

    The end of an iterator waits for the thread that tunes the pipeline, which sleeps for twice as long each time. With
    TensorFlow 2.21, it is often not woken: after an epoch of 22 seconds, training waited for 18 seconds.
    """
    if dataset.options().autotune.enabled is not None:
        return dataset
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
