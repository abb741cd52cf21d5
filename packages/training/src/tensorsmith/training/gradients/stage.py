"""Types of the gradient pipeline."""

from collections.abc import Callable
from typing import Any, TypeAlias

# List of pairs of a gradient, which may be `None`, and a variable.
Pairs: TypeAlias = list[tuple[Any, Any]]
# The rest of the pipeline, of which the last part updates the variables.
Update: TypeAlias = Callable[[Pairs], None]
# Receives the rest of the pipeline and the gradients, and passes processed gradients on, now, later or never.
Stage: TypeAlias = Callable[[Update, Pairs], None]
