"""Schedules: from a step to a learning rate, a momentum, an epsilon or a temperature."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.schedules.one_cycle import OneCycle

__all__ = ["OneCycle"]
