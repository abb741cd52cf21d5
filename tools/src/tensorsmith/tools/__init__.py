"""The `tensorsmith` command. Only subcommands that train import TensorFlow."""
