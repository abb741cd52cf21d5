"""Augmented input pipelines: a restored iterator continues with the same images and boxes."""

import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.pipelines import Pipeline, map_with_seed
from tensorsmith.image import augment

AUGMENTATION = augment.chain(
    augment.random_flip(), augment.random_affine(rotation=20, zoom=(0.8, 1.2)), augment.normalize(0.5, 0.25)
)


def parse(lines):
    """Return images of 8 x 8 pixels and their boxes, given lines with a gray level."""
    levels = tf.strings.to_number(lines, tf.int32)
    images = tf.cast(levels[:, None, None, None] + tf.reshape(tf.range(64), (8, 8, 1)), tf.uint8)
    return {"image": images, "boxes": tf.ones((tf.size(lines), 1, 1)) * tf.constant([1.0, 2.0, 5.0, 7.0])}


def from_files(folder):
    (folder / "levels.txt").write_text("\n".join(map(str, range(12))))
    file = str(folder / "levels.txt")
    return Pipeline(
        files=file, format="text", batch_size=4, parse=parse, map=AUGMENTATION, shuffle=5, seed=1, epochs=2
    ).dataset()


def from_arrays(folder):
    lines = tf.data.Dataset.from_tensor_slices([str(level) for level in range(12)]).repeat(2).batch(4)
    return lines.map(parse).apply(map_with_seed(AUGMENTATION, seed=1))


@pytest.mark.parametrize("make", [from_files, from_arrays])
def test_resumed_iterator_continues_with_the_same_augmentation(make, tmp_path):
    expected = list(make(tmp_path).as_numpy_iterator())
    assert len({batch["image"].tobytes() for batch in expected}) == len(expected) == 6
    iterator = iter(make(tmp_path))
    for _ in range(2):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / "iterator")
    resumed = iter(make(tmp_path))
    tf.train.Checkpoint(iterator=resumed).restore(path)
    for batch, other in zip(resumed, expected[2:], strict=True):
        for name in ("image", "boxes"):
            np.testing.assert_array_equal(batch[name], other[name])
