"""The letter parser: finds a letter that is clearly given, never guesses, never fails."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persllm_bench.scoring.letters import parse_letter, strip_reasoning


@pytest.mark.parametrize(
    ("reply", "index"),
    [
        ("B", 1),
        ("b", 1),
        (" B\n", 1),
        ("(C)", 2),
        ("C.", 2),
        ("**D**", 3),
        ("D) because", 3),
        ("Answer: A", 0),
        ("The answer is B.", 1),
        ("My choice is C", 2),
        ("B. Once, and nobody knows of it.", 1),
        ("A\n\nA longer reason follows", 0),
        ("<think>It could be A or B.</think>\nB", 1),
        ("only the end of a thought</think>C", 2),
    ],
)
def test_a_clear_letter_is_found(reply: str, index: int) -> None:
    assert parse_letter(reply, 4) == index


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   ",
        "A man of honour would say nothing.",
        "a lamp",
        "I cannot answer that.",
        "E",
        "A or B",
        "AB",
        "Both A and C",
        "<think>B</think>",
        "<think>I would take B",
        "D'accord",
        "B2",
    ],
)
def test_what_is_not_clearly_one_letter_is_unparsed(reply: str) -> None:
    assert parse_letter(reply, 4) is None


def test_letters_beyond_the_options_are_unparsed() -> None:
    assert parse_letter("C", 2) is None
    assert parse_letter("E", 5) == 4


@given(st.text(max_size=400), st.sampled_from([2, 4, 5]))
def test_any_text_gives_an_option_or_none(text: str, options: int) -> None:
    index = parse_letter(text, options)
    assert index is None or 0 <= index < options


@given(
    st.sampled_from("ABCD"), st.sampled_from(["{}", "({})", "{}.", "**{}**", "{}:", "Answer: {}"]), st.text(max_size=60)
)
def test_thinking_never_changes_the_letter(letter: str, frame: str, thought: str) -> None:
    reply = frame.format(letter)
    quiet = thought.replace("<", "").replace(">", "")
    assert parse_letter(f"<think>{quiet}</think>{reply}", 4) == parse_letter(reply, 4) == "ABCD".index(letter)


def test_a_million_characters_are_no_problem() -> None:
    assert parse_letter("x" * 1_000_000, 4) is None
    assert parse_letter("B\n" + "x" * 1_000_000, 4) == 1


def test_reasoning_is_stripped_wherever_it_stands() -> None:
    assert strip_reasoning("<think>a</think>b<reasoning>c</reasoning>d") == "bd"
    assert strip_reasoning("kept <think>never closed") == "kept"


PIECES = ["<think>", "</think>", "<THINKING>", "</thinking>", "<reasoning>", "</Reasoning>", "x", " ", "\n", "<", "B"]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_thinking_is_cut_as_its_definition_says(text: str) -> None:
    cut = re.sub(r"(?is)<(think|thinking|reasoning)>.*?</\1>", "", text)
    for tag in ("</think>", "</thinking>", "</reasoning>"):
        cut = cut.rpartition(tag)[2]
    assert strip_reasoning(text) == re.sub(r"(?is)<(think|thinking|reasoning)>.*", "", cut).strip()


def test_a_reply_of_opening_tags_takes_no_time() -> None:
    began = time.process_time()
    for tags in ("<think>", "<think></reasoning>", "<think><thinking>", "</think>"):
        strip_reasoning(tags * 50_000)
    assert time.process_time() - began < 2
