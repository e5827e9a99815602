"""What a board's files are called and hold. Nothing here needs the scorer, so that reading a board starts quickly."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from persllm_bench.suite import CORE, FAMILIES, KINDS

MARK = "board.json"
"""The facts of a board; a folder without it is none."""
TRACKS: dict[str, str] = {"profile": "prompted", "name": "trained"}
"""Condition -> track; the other conditions are controls and have none."""
CORE_MEAN, TWIN_MEAN = "persllm-core", "persllm-ll"
MEANS: dict[str, tuple[str, tuple[str, ...]]] = {
    CORE_MEAN: ("core", tuple(f"persllm_{base}" for base in CORE)),
    **{
        f"persllm-{family}": (family, tuple(f"persllm_{base}" for base in bases if base in CORE))
        for family, bases in FAMILIES.items()
        if set(bases) & set(CORE)
    },
    TWIN_MEAN: ("core", tuple(f"persllm-ll_{base}" for base in CORE if KINDS[base] == "letter")),
}
"""Mean -> (family, its tasks). Open replies are on another scale (0 is no likeness, not chance) and in none of them."""

TEXT, NUMBER, COUNT, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


ENTRIES = _schema(
    entry=TEXT, model=TEXT, org=TEXT, name=TEXT, revision=TEXT, run=TEXT, ranked=FLAG, unranked_because=TEXT,
    calibration=FLAG, level=COUNT, verified=TEXT, date=TEXT, parameters=COUNT, dtype=TEXT, licence=TEXT,
    open_weights=FLAG, base_model=TEXT, harness=TEXT, packages=TEXT, backend=TEXT, backend_version=TEXT, hardware=TEXT,
    command=TEXT, reasoning=COUNT, conditions=TEXT, attempts=COUNT, trained=FLAG, training_data=TEXT, test_items=TEXT,
    contact=TEXT, benchmark_version=TEXT, data_current=FLAG, tokens=COUNT, calls=COUNT, prompt_characters=COUNT,
    reply_characters=COUNT, files_sha256=TEXT, chat_template_sha256=TEXT, scorer_sha256=TEXT, content_sha256=TEXT,
)  # fmt: skip
"""`unranked_because` is empty where `ranked`; `verified`: day of the last verification; `date`: the day of an API's
answers, which its revision says. `tokens`: no bundle says them, so characters stand beside it."""
SCORES = _schema(
    entry=TEXT, track=TEXT, condition=TEXT, task=TEXT, family=TEXT, score=NUMBER, low=NUMBER, high=NUMBER,
    chance=NUMBER, items=COUNT, samples=COUNT, unparsed=NUMBER, stderr=NUMBER,
)  # fmt: skip
MEASURES = _schema(entry=TEXT, condition=TEXT, task=TEXT, measure=TEXT, value=NUMBER, low=NUMBER, high=NUMBER, n=COUNT)
PERSONAS = _schema(entry=TEXT, condition=TEXT, task=TEXT, persona=TEXT, score=NUMBER, adds=NUMBER)
"""`score`: of the persona alone; `adds`: what it adds to the score of the task (pseudo-value), which tests compare."""
SCHEMAS = {"entries": ENTRIES, "scores": SCORES, "measures": MEASURES, "personas": PERSONAS}
RANKS = _schema(
    track=TEXT, task=TEXT, entry=TEXT, rank=COUNT, rank_low=COUNT, rank_high=COUNT, tie=FLAG, p_above=NUMBER,
    score=NUMBER, low=NUMBER, high=NUMBER, detectable=NUMBER,
)  # fmt: skip
DIFFICULTY = _schema(task=TEXT, persona=TEXT, item=TEXT, entries=COUNT, mean=NUMBER, rest=NUMBER, flagged=FLAG)


def unit_file(entry: str) -> str:
    """Where the samples of an entry lie in a board."""
    return f"units/{hashlib.sha256(entry.encode()).hexdigest()}.parquet"
