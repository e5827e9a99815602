"""The leaderboard: `streamlit run leaderboard/app.py`. The board's folder is `leaderboard/data`, or `PERSLLM_BOARD`."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
sys.path[:0] = [p for p in (str(HERE), str(HERE.parent / "src")) if p not in sys.path]

from parts import frame, navigation  # noqa: E402

st.set_page_config("persllm-bench: does it have a personality?", layout="wide", initial_sidebar_state="auto")

PAGES = {
    "": st.Page("views/overview.py", title="Overview", url_path="", default=True),
    "model": st.Page("views/model.py", title="Model", url_path="model"),
    "compare": st.Page("views/compare.py", title="Compare", url_path="compare"),
    "replies": st.Page("views/replies.py", title="Replies", url_path="replies"),
    "personas": st.Page("views/personas.py", title="Personas", url_path="personas"),
    "judges": st.Page("views/judges.py", title="Judges", url_path="judges"),
    "submit": st.Page("views/submit.py", title="Submit", url_path="submit"),
    "method": st.Page("views/method.py", title="Method", url_path="method"),
}
page = st.navigation(list(PAGES.values()), position="top")
st.html(HERE / "parts" / "style.css")
navigation.follow_links(PAGES)
frame.notices()
st.session_state["path"] = page.url_path
page.run()
frame.footer()
