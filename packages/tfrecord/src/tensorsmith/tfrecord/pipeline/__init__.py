"""TensorFlow support: `tf.data` pipelines over records, and tensors in the types of a schema."""
