"""TensorFlow's side: `tf.data` pipelines over records, and tensors as a schema describes them."""
