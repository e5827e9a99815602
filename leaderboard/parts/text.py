"""Text from strangers as text: the only way in which a name, a reply or a link of a submission reaches a page.

Streamlit reads labels and `st.markdown` as Markdown and `st.html` as HTML, so a stranger's text goes through `markup`
(HTML) or `label` (Markdown) first. Both show what cannot be seen - control, formatting and bidirectional
characters - as escapes, and keep right-to-left text from moving its neighbours (Unicode TR 36).
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import quote, urlencode

from persllm_bench.board import visible

_FIRST_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
"""All of ASCII punctuation: a backslash before any of it is literal (CommonMark 0.31, 2.4)."""


def plain(value: object) -> str:
    """The text with every invisible character as an escape; None and NaN are a dash."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    return visible(str(value).replace("\r\n", "\n"))


def line(value: object, limit: int = 0) -> str:
    """One line: line ends as an arrow; with a `limit` cut to so many characters."""
    text = " ".join(plain(value).replace("\n", " ↵ ").split())
    return text if not limit or len(text) <= limit else text[: limit - 1].rstrip() + "…"


def isolated(value: object, limit: int = 0) -> str:
    """One line for places that take bare text, such as options: right-to-left parts stay within it."""
    text = line(value, limit)
    turns = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)
    return f"{_FIRST_ISOLATE}{text}{_POP_ISOLATE}" if turns else text


def markup(value: object, limit: int = 0) -> str:
    """HTML of one line, isolated from its neighbours."""
    return f'<bdi dir="auto">{html.escape(line(value, limit))}</bdi>'


def attribute(value: object) -> str:
    """The value of an HTML attribute."""
    return html.escape(isolated(value), quote=True)


def block(value: object) -> str:
    """HTML of several lines, kept as they are; each paragraph has its own direction."""
    return f'<div class="verbatim" dir="auto">{html.escape(plain(value))}</div>'


def label(value: object, limit: int = 0) -> str:
    """Markdown that shows the text itself: for labels, captions and headings."""
    return _MARKDOWN.sub(r"\\\1", isolated(value, limit))


def href(page: str, /, **query: object) -> str:
    """A link within the app, as an attribute value: the page's path and its query, percent-encoded and escaped."""
    pairs = [(key, item) for key, value in query.items() for item in _items(value)]
    found = urlencode(pairs, quote_via=quote)
    return html.escape(f"./{page}" + (f"?{found}" if found else ""), quote=True)


def _items(value: object) -> list[str]:
    if value is None or value == "":
        return []
    return [str(v) for v in value] if isinstance(value, (list, tuple)) else [str(value)]


def link(page: str, shown: object, limit: int = 0, /, **query: object) -> str:
    """HTML of a link within the app, followed without loading the app anew (see `navigation`)."""
    return f'<a class="go" href="{href(page, **query)}">{markup(shown, limit)}</a>'
