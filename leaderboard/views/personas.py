"""The people: who they are at both stages of life, and how hard each is."""

from __future__ import annotations

import streamlit as st

from parts import board, people, query

st.title("Personas")
names = board.people()
person = query.choice(
    st.container(width=360), "Persona", "persona", ["all", *names], lambda p: "all of them" if p == "all" else names[p]
)
if person == "all":
    people.overview()
else:
    people.one(person)
