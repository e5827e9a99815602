"""What stands around every page: bundles that were left out, how to cite, where to say what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st
import yaml

from parts import board, text

CITATION = Path(__file__).resolve().parents[2] / "CITATION.cff"


def notices() -> None:
    """Names every bundle that was left out of the board, with its first faults."""
    if not board.exists():
        return
    found = board.board().notices()
    if not found:
        return
    some = ", ".join(text.label(n["where"], 60) for n in found[:3]) + (" and others" if len(found) > 3 else "")
    many = "1 submission is" if len(found) == 1 else f"{len(found)} submissions are"
    with st.expander(f"{many} left out because of faults: {some}", icon=":material/warning:"):
        for notice in found:
            faults = notice["faults"] + (
                [f"and {more} more"] if (more := notice["total"] - len(notice["faults"])) else []
            )
            st.html(
                f"<p><strong>{text.markup(notice['where'])}</strong></p>"
                f"<ul>{''.join(f'<li>{text.markup(f)}</li>' for f in faults)}</ul>"
            )


def footer() -> None:
    st.divider()
    cite, say = st.columns(2)
    with cite.expander("How to cite"):
        st.code(_bibtex(), language=None, wrap_lines=True)
    say.markdown(f"Something wrong? {_feedback()} Code Apache-2.0, data and replies CC BY 4.0.")


@st.cache_data
def _feedback() -> str:
    """Where to say it: the repository that CITATION.cff names (`repository-code`), or the Space that this runs in."""
    if home := yaml.safe_load(CITATION.read_text()).get("repository-code"):
        return (
            f"Report [an item]({home}/issues/new?template=item.yml), [a "
            f"submission]({home}/issues/new?template=submission.yml)"
            f" or [anything else]({home}/issues/new)."
        )
    if space := os.environ.get("SPACE_ID"):
        return f"[Tell us](https://huggingface.co/spaces/{space}/discussions)."
    return "The repository has forms for an item and for a submission, under its issues."


@st.cache_data
def _bibtex() -> str:
    cff = yaml.safe_load(CITATION.read_text())
    paper = cff["references"][0]
    (source,) = (i["value"].removeprefix("arXiv:") for i in paper["identifiers"])
    author = paper["authors"][0]
    return (
        f"@software{{persllm_bench,\n  title = {{{cff['title']}}},\n  author = {{{{{cff['authors'][0]['name']}}}}},\n"
        f"  version = {{{cff['version']}}},\n  year = {{{cff['date-released'][:4]}}}\n}}\n\n"
        f"@inproceedings{{persllm,\n  title = {{{paper['title']}}},\n"
        f"  author = {{{author['family-names']}, {author['given-names']} and others}},\n"
        f"  booktitle = {{{paper['collection-title']}}},\n  year = {{{paper['year']}}},\n"
        f"  eprint = {{{source}}},\n  archivePrefix = {{arXiv}}\n}}"
    )
