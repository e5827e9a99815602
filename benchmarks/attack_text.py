"""Attacks on how rows are written: numbers, keys, characters, order."""

from __future__ import annotations

import json
from dataclasses import replace

import zstandard

from attack_kinds import (
    EITHER,
    UNCHANGED,
    any_samples,
    changed,
    compress,
    expand,
    kind,
    with_row_text,
    with_rows,
)


@kind("log-likelihoods where letters were asked", "rows")
def _(a, rng):
    def edit(rows):
        rng.choice(rows)["loglikelihoods"] = {"given": [0.0, -9.0], "baseline": [-9.0, 0.0]}
        return ("loglikelihoods",)

    return with_rows(a, rng, edit, "quick_")


@kind("letter where log-likelihoods were asked", "rows")
def _(a, rng):
    def edit(rows):
        rng.choice(rows)["reply"] = "A"
        return ("reply",)

    return with_rows(a, rng, edit, "-ll_")


@kind("log-likelihood that cannot be", "rows")
def _(a, rng):
    bad = rng.choice(["NaN", "Infinity", "-Infinity", "0.5", "1e999", "-1e999", "-" + "9" * 400, '"-1"', "null", "[]"])

    def edit(line):
        head, mark, rest = line.partition('"given":[')
        return head + mark + bad + "," + rest

    return with_row_text(a, rng, edit, "given", "number", "NaN", "Infinity", part="-ll_")


@kind("NaN, Infinity or huge number in a row", "rows")
def _(a, rng):
    bad = rng.choice(["NaN", "Infinity", "-Infinity", "9" * 5000, "1e999", "1" * 100])
    key = rng.choice(["reply", "error", "x", "finish_reason"])
    return with_row_text(a, rng, lambda line: f'{{"{key}": {bad},' + line[1:], "NaN", "Infinity", "number", "duplicate")


@kind("duplicate key in a row", "rows")
def _(a, rng):
    key = rng.choice(["reply", "item", "prompt_sha256", "persona"])
    twice = {"reply": '"reply": "A", "reply": "B"'}.get(key, f'"{key}": "x"')
    return with_row_text(a, rng, lambda line: "{" + twice + "," + line[1:], "duplicate key")


@kind("deep nesting in a row", "rows")
def _(a, rng):
    depth = rng.choice([100, 1_500, 100_000])
    bad = rng.choice(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "[" * depth])
    return with_row_text(a, rng, lambda line: '{"x": ' + bad + "," + line[1:], "nested", "recursion", "x", "json")


@kind("text around a row", "rows", EITHER)
def _(a, rng):
    def edit(line):
        return rng.choice(
            ["\ufeff" + line, line + ",", line + line, "", " ", line[: len(line) // 2], line + "\r", "// x\n" + line,
             "\t" + line, line + "   ", "null", "[]", line.replace(",", ", "), line.replace(":", " : ", 1)]
        )  # fmt: skip

    attack = with_row_text(a, rng, edit)
    return replace(attack, names=("zst",))


@kind("bytes that are no text in a row", "rows")
def _(a, rng):
    path = any_samples(a, rng)
    raw = zstandard.ZstdDecompressor().decompress(a.files[path])
    at = rng.randrange(len(raw))
    bad = rng.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\x80", b"\xf5"])
    return changed(a, path, compress(raw[:at] + bad + raw[at:]), "encoding", "json", "schema")


@kind("lone surrogate in a reply", "rows")
def _(a, rng):
    names = ("surrogate", "json", "schema")
    return with_row_text(a, rng, lambda line: line.replace('"stage"', '"error": "\\ud800", "stage"', 1), *names)


@kind("what was said before, changed in a talk", "rows")
def _(a, rng):
    def edit(rows):
        said = [r for r in rows if "probe" not in r["variant"] and not r["variant"].endswith("turn5/reply")]
        rng.choice(said)["reply"] = "I was persuaded of nothing."
        return ("another prompt",)

    return with_rows(a, rng, edit, "_pressure")


@kind("replies of another condition or task", "rows")
def _(a, rng):
    path, other = rng.sample(sorted(p for p in a.files if p.endswith(".zst")), 2)
    return changed(a, path, a.files[other], "no reply", "condition", "task")


@kind("same rows, written or packed otherwise", "rows", UNCHANGED)
def _(a, rng):
    path = any_samples(a, rng)
    rows = [dict(rng.sample(sorted(row.items()), len(row))) for row in expand(a.files[path])]
    text = "".join(json.dumps(row, separators=rng.choice([(",", ":"), (" ,  ", ": ")])) + "\n" for row in rows)
    return changed(a, path, compress(text.encode(), rng.randint(1, 19)))
