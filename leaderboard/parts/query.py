"""Widgets whose values are the page's address, so that every view has a permalink and the browser's back button works.

The address is the truth: a widget starts from it on every run, and writes to it when somebody changes the widget.
Values in the address are names from the data, not labels; one that is not among the options is left out of account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from parts import text


def get(name: str) -> str:
    """A value of the address that no widget shows; empty where it is not there."""
    return str(st.query_params.get(name, ""))


def current() -> dict[str, list[str]]:
    """The whole address, for links that change one part of it."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _key(name: str) -> str:
    return f"in_{name}"


def _write(name: str, default: Any) -> None:
    value = st.session_state[_key(name)]
    if value == default or value is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = [str(v) for v in value] or "" if isinstance(value, list) else str(value)
    for dependent in ("page", "reply"):
        if name != dependent:
            st.query_params.pop(dependent, None)


def _bound(name: str, value: Any, default: Any) -> dict[str, Any]:
    if st.session_state.get(_key(name)) != value:
        st.session_state[_key(name)] = value
    return {"key": _key(name), "on_change": _write, "args": (name, default)}


def _shown(names: Callable[[str], str] | None) -> Callable[[str], str]:
    return lambda option: text.isolated(names(option) if names else option)


def choice(
    place: Any,
    title: str,
    name: str,
    options: Sequence[str],
    names: Callable[[str], str] | None = None,
    first: str = "",
) -> str:
    """One of `options` (the first unless `first` is among them); "" where there are none."""
    if not options:
        return ""
    default = first if first in options else options[0]
    value = get(name) if get(name) in options else default
    place.selectbox(title, options, format_func=_shown(names), **_bound(name, value, default))
    return value


def segments(place: Any, title: str, name: str, options: dict[str, str]) -> str:
    """One of a few options, value -> label, side by side."""
    default = next(iter(options))
    value = get(name) if get(name) in options else default
    place.segmented_control(
        title, list(options), format_func=options.__getitem__, required=True, **_bound(name, value, default)
    )
    return value


def several(
    place: Any, title: str, name: str, options: Sequence[str], default: Sequence[str] = (),
    names: Callable[[str], str] | None = None, **more: Any,
) -> list[str]:  # fmt: skip
    """Some of `options`; an address with the name and no value means none."""
    given = st.query_params.get_all(name)
    value = [v for v in dict.fromkeys(given) if v in options] if given else list(default)
    value = value[: more.get("max_selections") or len(value)]
    place.multiselect(title, options, format_func=_shown(names), **_bound(name, value, list(default)), **more)
    return value


def words(place: Any, title: str, name: str, **more: Any) -> str:
    """Free text, at most 100 characters."""
    value = get(name)[:100]
    place.text_input(title, max_chars=100, **_bound(name, value, ""), **more)
    return value.strip()


def switch(place: Any, title: str, name: str, default: bool, **more: Any) -> bool:
    value = {"True": True, "False": False}.get(get(name), default)
    place.toggle(title, **_bound(name, value, default), **more)
    return value


def page(total: int, size: int) -> slice:
    """The rows to show, with links to the other pages where one page does not do."""
    pages = max(1, -(-total // size))
    given = get("page")
    now = min(max(int(given), 1), pages) if given.isascii() and given.isdigit() and len(given) < 6 else 1
    if pages > 1:
        near = sorted({1, pages, *range(max(1, now - 2), min(pages, now + 2) + 1)})
        parts = []
        for before, number in zip([0, *near], near, strict=False):
            parts.append("…" if number > before + 1 else "")
            to = {**current(), "page": number if number > 1 else ""}
            parts.append(f"<strong>{number}</strong>" if number == now else text.link(_here(), number, **to))
        st.html(f'<nav class="pages" aria-label="Pages">Page {" ".join(p for p in parts if p)}</nav>')
    return slice((now - 1) * size, now * size)


def _here() -> str:
    """The path of the page that is shown."""
    return str(st.session_state.get("path", ""))
