"""One model: what it scored, where, and how to repeat it."""

from __future__ import annotations

import streamlit as st

from parts import board, courses, profile, query

st.title("Model")
entry = board.choose_entry(st.container(width=520))
row = board.entries().loc[entry]
profile.header(row)
profile.standing(row)

st.subheader("Tasks")
profile.tasks(row)

condition = query.choice(
    st.container(width=360), "Condition", "condition", profile.conditions(row), board.CONDITIONS.__getitem__, "profile"
)
st.subheader("Persona by task")
profile.heatmap(row, condition)

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Under pressure")
    courses.survival(row, condition)
with right:
    st.subheader("In conversation")
    courses.trajectories(row, condition)

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Which stage it took")
    courses.confusion(row, condition)
with right:
    st.subheader("Traits against their targets")
    courses.traits(row, condition)

st.subheader("How it was run")
profile.run(row)
st.subheader("Downloads")
profile.downloads(row)
