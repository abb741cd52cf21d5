"""Conformance checks that are listed in `tensorsmith.testing.table`."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # without its start-up messages, before any other module imports it
