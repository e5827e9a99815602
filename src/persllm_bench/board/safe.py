"""Strangers' text where something might read it as more than text: spreadsheets, terminals, pages."""

from __future__ import annotations

import csv
import unicodedata

import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_KEPT = {"\n", "\t"}


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A table as UTF-8 CSV, text in quotes. An apostrophe before what a spreadsheet would read as a formula; numbers
    stay (OWASP, CSV injection)."""
    safe = frame.rename(columns=_cell)
    for i, column in enumerate(safe.columns):
        if not pd.api.types.is_numeric_dtype(safe.dtypes.iloc[i]):
            safe = safe.assign(**{str(column): safe.iloc[:, i].map(_cell, na_action="ignore")})
    return bytes(
        safe.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).encode("utf-8", "backslashreplace")
    )


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value


def visible(text: str) -> str:
    """`text` with control, bidi and other unseen characters written as escapes; line breaks and tabs stay."""
    return "".join(c if c in _KEPT or not _unseen(c) else f"\\u{{{ord(c):x}}}" for c in text)


def _unseen(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
