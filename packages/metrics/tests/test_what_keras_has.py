"""Guards the README's table of what Keras has and does well: where it fails, the metric belongs here after all."""

from keras import metrics


def test_streaming_precision_is_keras_own():
    """4 of 5 and 0 of 3 positive predictions right is 4 of 8, not the mean of 80 % and 0 %."""
    metric = metrics.Precision()
    metric.update_state([0, 1, 1, 1, 0, 1, 0, 1], [1, 1, 0, 1, 0, 1, 0, 1])
    assert round(float(metric.result()), 6) == 0.8
    metric.update_state([0, 1, 0, 0, 1, 0, 1, 1], [1, 0, 1, 1, 0, 0, 0, 0])
    assert metric.result() == 0.5
