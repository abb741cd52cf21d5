"""The checks, one file for each idea; `tensorsmith.testing.table` lists them."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it
