"""JSON as strangers may send it: read strictly, so that two readers cannot understand one text in two ways."""

from __future__ import annotations

import json
from math import isinf
from typing import Any

MAX_DIGITS = 17
"""As many as a double needs; a longer integer is not the same number to every reader."""


def loads(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: not JSON (RFC 8259), NaN or Infinity, a key twice in one object, a number out of range, or nesting
            deeper than the interpreter's stack.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constants,
            parse_int=_integer,
            parse_float=_number,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [k for k, _ in pairs]
        raise ValueError(f"duplicate key {next(k for k in keys if keys.count(k) > 1)!r}")
    return found


def _no_constants(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"number {digits[:20]}... has more than {MAX_DIGITS} digits")
    return int(digits)


def _number(digits: str) -> float:
    if len(digits) > 40 or isinf(value := float(digits)):
        raise ValueError(f"number {digits[:20]} is out of range")
    return value
