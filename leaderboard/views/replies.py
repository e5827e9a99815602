"""What the models said: every reply with what was asked, what was right, and the statements that settle it."""

from __future__ import annotations

import streamlit as st

from parts import board, conversation, heard, profile, query

st.title("Replies")
top = st.columns([3, 2, 2])
entry = board.choose_entry(top[0])
row = board.entries().loc[entry]
condition = query.choice(
    top[1], "Condition", "condition", profile.conditions(row), board.CONDITIONS.__getitem__, "profile"
)
tasks = heard.tasks(entry, condition)
task = query.choice(top[2], "Task", "task", tasks, board.task_name)
if not task:
    st.info("Nothing was asked under this condition.")
    st.stop()

if opened := query.get("reply"):
    conversation.show(entry, condition, task, opened)
names = board.people()
low = st.columns(4)
rows = heard.listed(entry, condition, task)
people = [p for p in names if p in set(rows["persona"])]
persona = query.choice(low[0], "Persona", "persona", ["all", *people], lambda p: names.get(p, "all"))
stage = query.choice(low[1], "Stage", "stage", ["both", "early", "late"])
outcome = query.choice(low[2], "Outcome", "outcome", list(heard.OUTCOMES), heard.OUTCOMES.__getitem__)
order = query.choice(low[3], "Order", "order", list(heard.ORDERS), heard.ORDERS.__getitem__)

heard.table(heard.chosen(rows, persona, stage, outcome, order), entry, condition, task, opened)
