"""How many bytes operators read and write, if each reads its inputs and writes its outputs once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Traffic(TorchDispatchMode):
    """Counts the bytes of every operator's inputs and outputs while it is entered.

    Operators that make a view, or memory without content, move nothing. What caches hold between
    two operators is counted all the same: it is what a machine without caches would move.

    Attributes:
        bytes: Counted so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(
        self,
        operator: Callable[..., Any],
        types: tuple[type, ...],
        arguments: tuple[Any, ...] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operator and count its bytes."""
        del types
        made = operator(*arguments, **(options or {}))
        if not (getattr(operator, "is_view", False) or "empty" in str(operator)):
            tensors = [
                each for each in tree_leaves((arguments, options, made)) if isinstance(each, Tensor)
            ]
            self.bytes += sum(each.numel() * each.element_size() for each in tensors)
        return made
