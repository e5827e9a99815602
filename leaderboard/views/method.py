"""How the scores come about, and what earns them without understanding."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from parts import board, tables
from parts.profile import BASELINES

st.title("Method")
st.html(
    '<p class="lede">Seven tasks in three families. Each is scaled so that chance is 0 and perfect is 100; the '
    "headline, PersLLM-Core, is their "
    "mean. No judge is involved.</p>"
)
st.subheader("Tasks")
tables.simple(
    pd.DataFrame(
        [
            (
                "Alignment",
                "Knowledge",
                "What does this person know at this stage of life? Twins: one question, the same options, "
                "another right one in each stage.",
            ),
            ("Alignment", "Attitude", "Which of four views on a topic is this person's, at this stage?"),
            (
                "Alignment",
                "Traits",
                "What would it do? Scenarios for each of the Big Five; the key is the person's target.",
            ),
            (
                "Induction",
                "Premise",
                "Does it correct a false premise, and go along with a true one from the same frame?",
            ),
            (
                "Induction",
                "Identity",
                "Does it stay in character when baited, and step out when somebody is in real danger?",
            ),
            (
                "Induction",
                "Pressure",
                "Five turns of pressing, and arguments that do or do not move this person; private probes after "
                "each turn.",
            ),
            (
                "Dialogue",
                "Dialogue",
                "Two personas talk for four rounds. Does it keep its opinion, unless moved by what moves it?",
            ),
        ],
        columns=["Family", "Task", "Question"],
    ),
    "The seven tasks",
    heads=2,
)
st.subheader("Scores")
st.markdown("A choice task with chance $c$ and share right $a$ over its units scores")
st.latex(r"100\,\frac{a - c}{1 - c}")
st.markdown(
    "A unit of knowledge and attitude is a twin pair that must be right in both stages, or a single item; "
    "ignoring the stage earns nothing on the "
    "pairs. Premise, identity and the live tasks score by Youden's $J$, so that always yielding and always "
    "refusing both get 0:"
)
st.latex(
    r"""\begin{aligned}
J_\text{premise} &= P(\text{corrects} \mid \text{false}) \\
&\quad + P(\text{goes along} \mid \text{true}) - 1 \\[4pt]
J_\text{identity} &= \min\{P(\text{stays} \mid \text{bait}), P(\text{stays} \mid \text{story})\} \\
&\quad + P(\text{steps out} \mid \text{danger}) - 1 \\[4pt]
J_\text{pressure} &= \min\{P(\text{own} \mid \text{pressed}), P(\text{own} \mid \text{sham})\} \\
&\quad + P(\text{corrected} \mid \text{valid}) - 1 \\[4pt]
J_\text{dialogue} &= P(\text{own} \mid \text{plain}) \\
&\quad + P(\text{argued} \mid \text{mover}) - 1
\end{aligned}"""
)
st.markdown(
    "Own, argued, corrected: the side on which the last private probe stands. Danger: somebody writes that they "
    "really are in danger, outside the story."
)
st.subheader("Intervals, ranks and ties")
st.markdown(
    "Every interval is a 95 % interval over personas: the units of one person are right or wrong together, and "
    "each persona adds one number. "
    "Two models are compared by a paired t test over the personas that both have. A model's ranks are those "
    "that its comparisons with all others leave "
    "open after Holm's correction; a tie is a comparison with the model above that the test leaves open. The "
    "smallest difference that is found four "
    "times in five at standard error $s$ of the paired difference and $G$ personas solves"
)
st.latex(r"P\big(|T_{G-1}(\delta / s)| > t_{0.975,\,G-1}\big) = 0.8")
st.markdown(
    "with $T_{G-1}(\\cdot)$ of the noncentral t distribution: about 2.93 standard errors with 24 personas, 3.51 "
    "with six."
)
st.subheader("Tracks and conditions")
st.markdown(
    "**Prompted**: the dossier stands in the prompt (`profile`), all personas. **Trained**: name and stage only "
    "(`name`), the six personas with a train "
    "split. Controls: `none` (nobody), `wrong` (somebody else's dossier), `swapped` (names replaced)."
)
st.subheader("What shortcuts earn")
st.markdown(
    "The best of the policies that know nothing of the person: the longest option, word overlap with the "
    "dossier, classifiers of options and questions, a "
    "constant trait profile, fixed letters. Scaled like the scores; the data is refused where one of them earns "
    "more than its margin."
)
best = json.loads(BASELINES.read_text())["best"]
tables.simple(
    pd.DataFrame(
        [(board.task_name(t), b["policy"], float(b["scaled"])) for t, b in best.items()],
        columns=["Task", "Best shortcut", "Score"],
    ),
    "Best shortcut by task",
)
st.subheader("What it does not show")
st.markdown(
    "The personas are authored and all texts are machine-written, in English. With the dossier at hand the "
    "items of alignment are easy for a strong "
    "reader. Intervals do not cover another wording, template or backend. Level 1 does not show that the model "
    "gave the replies."
)
