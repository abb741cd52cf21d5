"""TensorFlow support: `tf.data` pipelines of records, and tensors with the types of a schema."""
