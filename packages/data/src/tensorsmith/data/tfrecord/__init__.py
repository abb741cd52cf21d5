"""TFRecord files: writing, reading, checking and converting them. TensorFlow is imported only where it is fed."""

from tensorsmith.data.tfrecord.files import DamagedFileError, read
from tensorsmith.data.tfrecord.index import Index, write_index
from tensorsmith.data.tfrecord.pipeline import examples
from tensorsmith.data.tfrecord.schema import Feature, Schema
from tensorsmith.data.tfrecord.verify import verify

__all__ = ["DamagedFileError", "Feature", "Index", "Schema", "examples", "read", "verify", "write_index"]
