"""The `tensorsmith` command. TensorFlow is imported only by subcommands that train."""
