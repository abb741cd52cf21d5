"""Types of models for `decode`, `stream` and `beam_search`."""

from collections.abc import Callable
from typing import Any

from tensorsmith.core.types import Tensor

State = Any  # a tensor or a nested structure of tensors
Step = Callable[[Tensor, State], tuple[Tensor, State]]  # from tokens and a state to logits and the new state
InitialState = Callable[[int], State]  # from a batch size
Choose = Callable[[Tensor, Tensor], Tensor]  # from logits and the number of generated tokens to the next tokens
Adjust = Callable[[Tensor, Tensor], Tensor]  # from logits and the tokens before, prompts included, to other logits
Attention = Callable[[State], Tensor]  # from a state to the attention weights of the last step
