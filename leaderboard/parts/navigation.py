"""Links inside tables: real addresses, so that they can be copied or opened in a tab, followed within the session."""

from __future__ import annotations

from urllib.parse import parse_qs

import streamlit as st

_JS = """
export default function ({ setTriggerValue }) {
  const follow = (event) => {
    const link = event.target.closest && event.target.closest("a.go");
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const to = new URL(link.getAttribute("href"), document.baseURI);
    setTriggerValue("link", { page: to.pathname.split("/").pop(), query: to.search.slice(1) });
  };
  document.addEventListener("click", follow);
  return () => document.removeEventListener("click", follow);
}
"""


def follow_links(pages: dict[str, st.Page]) -> None:
    """Switch to the page of the link that was clicked, if one was. pages: by path, "" the first page."""
    follow = st.components.v2.component("follow_links", js=_JS)
    clicked = follow(key="follow_links", on_link_change=lambda: None).link
    if clicked and str(clicked.get("page", "")) in pages:
        query = parse_qs(str(clicked.get("query", "")), keep_blank_values=True)
        st.switch_page(pages[str(clicked["page"])], query_params=query)
