"""Who stands where: the ranking with its intervals, and what else is known of each model."""

from __future__ import annotations

import streamlit as st

from parts import board, charts, query, standing, tables

SIZE = 50

st.title("Does it really have a personality?")
st.html(
    '<p class="lede">Language models are asked to be a person at a stage of life. The score says how well they '
    "know, think and act as that person, and whether they stay so under pressure. 0 is chance, 100 is perfect, "
    "bars are 95&nbsp;% intervals.</p>"
)
whole = board.entries()
top = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
track = query.segments(top, "Track", "track", board.TRACKS)
wanted = query.words(top, "Search", "q", placeholder="model or organisation", width=280)
chosen = standing.filters(top.popover("Filters and columns", icon=":material/tune:"), whole)
columns = query.several(
    chosen.place, "Columns", "columns", list(standing.COLUMNS), standing.DEFAULT, standing.COLUMNS.__getitem__
)
table = standing.table(track)
shown = standing.ordered(chosen.apply(standing.search(table, wanted)), query.get("sort"), query.get("order"))

st.html(standing.summary(table, shown, track))
if shown.empty:
    st.info("No model fits. Clear the search or the filters.")
rows = shown[query.page(len(shown), SIZE)]
if len(rows):
    tables.table(rows.to_dict("records"), standing.columns(columns, table), f"Ranking, {track} track")
    tables.download(standing.exported(shown, columns), f"ranking_{track}")

st.subheader("Score and size")
sized = shown.dropna(subset=["parameters", "score"])
if len(sized):
    charts.show(charts.size(sized), "Score against number of parameters")
    left = len(shown.dropna(subset=["score"])) - len(sized)
    st.caption(
        f"Sizes stand in the table above. {left} more do not tell theirs."
        if left
        else "The figures stand in the table above."
    )
else:
    st.caption("None of these models tells how many parameters it has.")

st.subheader("Over time")
dated = shown.dropna(subset=["date", "score"])
if dated["date"].nunique() > 1:
    charts.show(charts.timeline(dated), "Score by date")
st.caption(
    f"A bundle tells a date where an API was asked (its day) or where it was asked again: {len(dated)} of "
    f"{len(shown)} shown. "
    "The column Date has them."
)
