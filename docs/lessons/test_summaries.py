"""Facts about `tf.summary`: the event files of TensorBoard contain what was written.

A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019, chapter 10. Each test
writes one of the five kinds of summaries that are shown there, and reads it from the event file.
"""

import io
import wave

import numpy as np
import tensorflow as tf


def summaries(folder):
    """Returns the step, the tag, the plugin that displays it, and the value of each summary in a folder."""
    (path,) = folder.iterdir()
    events = [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]
    return [
        (event.step, each.tag, each.metadata.plugin_data.plugin_name, tf.make_ndarray(each.tensor))
        for event in events
        for each in event.summary.value
    ]


def test_scalars_of_several_steps(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        for step in range(1, 1001):
            tf.summary.scalar("my_scalar", np.sin(step / 10), step=step)
    steps, tags, plugins, values = zip(*summaries(tmp_path), strict=True)
    assert steps == tuple(range(1, 1001))
    assert set(zip(tags, plugins, strict=True)) == {("my_scalar", "scalars")}
    np.testing.assert_allclose(values, np.sin(np.arange(1, 1001) / 10), rtol=1e-6, atol=1e-7)


def test_a_histogram_stores_the_edges_and_counts_of_its_buckets(tmp_path):
    data = np.random.default_rng(0).normal(size=100) + 2
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.histogram("my_hist", data, buckets=50, step=1)
    ((_, _, plugin, buckets),) = summaries(tmp_path)
    counts, edges = np.histogram(data, bins=50)
    assert plugin == "histograms"
    np.testing.assert_allclose(buckets, np.stack([edges[:-1], edges[1:], counts], axis=1), rtol=1e-6)


def test_images_are_stored_as_png(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.image("my_images", pixels / 255, step=1)
    ((_, _, plugin, (width, height, *images)),) = summaries(tmp_path)
    assert (plugin, width, height) == ("images", b"32", b"32")
    np.testing.assert_array_equal([tf.io.decode_png(image) for image in images], pixels)


def test_text(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.text("my_text", ["The step is 3", "Its square is 9"], step=3)
    ((step, _, plugin, strings),) = summaries(tmp_path)
    assert (step, plugin, strings.tolist()) == (3, "text", [b"The step is 3", b"Its square is 9"])


def test_audio_is_stored_as_16_bit_wav(tmp_path):
    wave_of_440_hertz = np.sin(2 * np.pi * 440 * np.arange(12_000) / 48_000).astype("float32")
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.audio("my_audio", wave_of_440_hertz.reshape(1, -1, 1), sample_rate=48_000, step=1)
    ((_, _, plugin, clips),) = summaries(tmp_path)
    assert plugin == "audio"
    with wave.open(io.BytesIO(clips[0, 0])) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (48_000, 1, 2)
        samples = np.frombuffer(audio.readframes(12_000), "<i2")
    np.testing.assert_allclose(samples / 32_768, wave_of_440_hertz, atol=1e-4)


def test_nothing_is_written_without_a_default_writer(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        assert tf.summary.scalar("inside", 1.0, step=1)
    assert not tf.summary.scalar("outside", 1.0, step=1)
    writer.close()
    assert [tag for _, tag, _, _ in summaries(tmp_path)] == ["inside"]
