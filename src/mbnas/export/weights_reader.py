"""Read safetensors with only torch; every ``network.py`` contains the source of this module.

A file consists of eight bytes with the length of a header, little-endian; the header, which is
JSON; and the values of all tensors (https://github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

NUMBER_TYPES = {"F32": torch.float32, "F16": torch.float16, "I64": torch.int64}


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file by name. Such a file contains no code."""
    content = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        data = content[start + first : start + last]
        numbers = torch.frombuffer(data, dtype=NUMBER_TYPES[entry["dtype"]])
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors
