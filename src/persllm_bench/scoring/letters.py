"""Finds the letter in a reply. Strict: what is not clearly one letter is unparsed, never guessed."""

from __future__ import annotations

import re

from persllm_bench.prompts import LETTERS

_OPEN = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_CLOSE = {tag: re.compile(f"</{tag}>", re.IGNORECASE) for tag in ("think", "thinking", "reasoning")}
_LEAD = re.compile(
    r"^(?:(?:the|my)\s+)?(?:(?:correct|best|final)\s+)?(?:answer|option|choice|reply|letter)\s*"
    r"(?:is|would be)?\s*[:\-]?\s*",
    re.IGNORECASE,
)
_LETTER = re.compile(r"^[\s\"'`*_(\[{]*([A-Ea-e])(?![A-Za-z0-9'])[\"'`*_)\]}]*(\s*$|[.:,;)\]]|\s*[\-\n])")


def strip_reasoning(text: str) -> str:
    """`text` without thinking blocks; an unclosed block swallows the rest, a stray closing tag all before it."""
    text = _without_blocks(text)
    for tag in _CLOSE:
        text = text.rpartition(f"</{tag}>")[2]
    return _OPEN.split(text, maxsplit=1)[0].strip()


def _without_blocks(text: str) -> str:
    """Closed thinking blocks cut out, in one pass: a reply of nothing but opening tags must not take quadratic time."""
    kept, start, unclosed = [], 0, set[str]()
    opened = _OPEN.search(text)
    while opened:
        tag = opened[1].lower()
        closed = None if tag in unclosed else _CLOSE[tag].search(text, opened.end())
        if closed is None:
            unclosed.add(tag)
        else:
            kept.append(text[start : opened.start()])
            start = closed.end()
        opened = _OPEN.search(text, max(start, opened.end()))
    return "".join([*kept, text[start:]])


def parse_letter(reply: str, options: int) -> int | None:
    """Index of the option whose letter the reply gives, or None.

    Accepts a letter alone or before punctuation or a line break ("B", "(B)", "**B**", "B. Once, ..."), also after
    "answer is" and the like, in either case. "A man of honour" is no letter, nor is a letter beyond the options.
    """
    head = _LEAD.sub("", strip_reasoning(reply[:100_000]).lstrip("\"'`*_ \n"), count=1)
    match = _LETTER.match(head)
    if not match:
        return None
    index = LETTERS.index(match.group(1).upper())
    return index if index < options else None
