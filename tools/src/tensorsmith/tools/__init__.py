"""The `tensorsmith` command. TensorFlow is imported only when something trains."""

from tensorsmith.tools.script import run_script

__all__ = ["run_script"]
