"""How a model comes onto the board."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from parts import tables

st.title("Submit")
st.html(
    '<p class="lede">A submission is what a model said and how it was asked. It holds no score: everything on '
    "this board is derived from the "
    "replies, by everybody, in the same way.</p>"
)
st.subheader("Run, pack, check")
st.code(
    "pip install -e '.[hf]'          # or [vllm], [api]\n"
    "persllm-bench run --model ORG/MODEL --tasks persllm-core --condition profile,none,wrong --output results/mine\n"
    "persllm-bench pack results/mine --meta model.yaml --output submissions --run first\n"
    "persllm-bench check submissions/ORG__MODEL/REVISION/first",
    language=None,
    wrap_lines=True,
)
st.subheader("model.yaml")
st.markdown("What only you know. Nothing in it changes a score.")
st.code(
    "model:\n"
    "  repo: org/model\n"
    "  revision: 0123456789abcdef0123456789abcdef01234567   # api-2026-11-21 where only an API serves it\n"
    "  parameters: 7000000000        # or leave out\n"
    "  dtype: bfloat16\n"
    "  licence: apache-2.0\n"
    "  base_model: org/base          # or leave out\n"
    "  open_weights: true\n"
    "serving: {backend: vllm, version: 0.32.0}\n"
    "hardware: one H100\n"
    "command: persllm-bench run --model org/model ...\n"
    "attempts: 1                     # runs of this model on this benchmark so far, submitted or not\n"
    "training_data:\n"
    "  description: 2 T tokens of public web text; no text of this benchmark\n"
    "  train_split: false\n"
    '  test_items: "no"\n'
    "contact: name or address",
    language=None,
)
st.subheader("Open a pull request")
st.markdown(
    "Add that one folder and touch nothing else. A comment says what was found; after the merge the board is "
    "built anew. Ranked is who has all seven core tasks for all personas under `profile`, with `none` and "
    "`wrong` as controls; smaller bundles are welcome and stand beside the ranking."
)
st.subheader("Levels of verification")
tables.simple(
    pd.DataFrame(
        [
            (
                "1",
                "scores derived from complete replies",
                "nobody edited a score, left out a sample or chose personas",
                "that this model gave these replies",
            ),
            (
                "2",
                "a part, drawn afterwards, asked again",
                "replies invented or edited by the percent are found",
                "edits of a few replies; how often it was run; its training data",
            ),
            ("3", "everything asked again", "as level 2, for every reply", "how often it was run; its training data"),
        ],
        columns=["Level", "What was done", "What it shows", "What it does not"],
    ),
    "Levels of verification",
)
