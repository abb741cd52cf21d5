"""The `tensorsmith` command. TensorFlow is imported only when something trains."""
