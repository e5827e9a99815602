"""Two to four models beside each other: is there a difference, for whom, and on which items."""

from __future__ import annotations

import streamlit as st

from parts import board, compared, query

st.title("Compare")
left, right = st.columns([1, 3], vertical_alignment="bottom")
track = query.segments(left, "Track", "track", board.TRACKS)
able = compared.able(track)
models = query.several(
    right,
    "Models",
    "models",
    able,
    able[:2],
    board.entry_names().__getitem__,
    max_selections=4,
    placeholder="two to four",
)
if len(models) < 2:
    st.info("Choose two to four models." if len(able) > 1 else "There are not two models on this track yet.")
    st.stop()

st.subheader("Differences")
compared.scores(models, track)
for other in models[1:]:
    compared.differences(models[0], other, track)

st.subheader("By persona")
task = query.choice(st.container(width=320), "Task", "task", compared.tasks(models, track), board.task_name)
compared.personas(models, track, task)

st.subheader("Items that flipped")
compared.flips(models, track, task)
