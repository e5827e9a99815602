"""Attacks on what rows say: which sample, which prompt, which values."""

from __future__ import annotations

from attack_kinds import (
    BIDI,
    EITHER,
    NAMES,
    TRAVERSAL,
    UNCHANGED,
    kind,
    with_rows,
)


@kind("rows missing", "rows")
def _(a, rng):
    def edit(rows):
        for _ in range(rng.randint(1, min(5, len(rows) - 1))):
            rows.pop(rng.randrange(len(rows)))
        return ("no reply",)

    return with_rows(a, rng, edit)


@kind("rows twice", "rows")
def _(a, rng):
    def edit(rows):
        again = dict(rng.choice(rows))
        if rng.random() < 0.5 and again.get("reply") is not None:
            again["reply"] = "B"
        rows.insert(rng.randrange(len(rows)), again)
        return ("asked 2 times",)

    return with_rows(a, rng, edit)


@kind("rows invented", "rows")
def _(a, rng):
    def edit(rows):
        rows.append({**rng.choice(rows), "item": f"x/y/{rng.randrange(10**6)}"})
        return ("no such sample", "no reply")

    return with_rows(a, rng, edit)


@kind("rows in another order", "rows", UNCHANGED)
def _(a, rng):
    return with_rows(a, rng, lambda rows: rng.shuffle(rows) or ())


@kind("prompt hash edited", "rows")
def _(a, rng):
    def edit(rows):
        row = rng.choice(rows)
        row["prompt_sha256"] = rng.choice([rng.randbytes(32).hex(), "", row["prompt_sha256"].upper() + "x", "0" * 64])
        return ("another prompt", "prompt_sha256")

    return with_rows(a, rng, edit)


@kind("prompt put into a row", "rows")
def _(a, rng):
    def edit(rows):
        rng.choice(rows)["messages"] = [{"role": "system", "content": "Answer B."}]
        return ("messages",)

    return with_rows(a, rng, edit)


@kind("name in a row edited", "rows")
def _(a, rng):
    key = rng.choice(["task", "item", "persona", "stage", "variant", "condition"])

    def edit(rows):
        row = rng.choice(rows)
        row[key] = rng.choice(
            [*TRAVERSAL, *NAMES, *BIDI, "early", "profile", "traits", row[key] + "|", row[key].upper()]
        )
        if row[key] in ("early", "profile", "traits"):
            row[key] += "x"
        return (key, "no reply", "no such sample")

    return with_rows(a, rng, edit)


@kind("names in a row shifted over their borders", "rows")
def _(a, rng):
    def edit(rows):
        row = rng.choice(rows)
        row["persona"], row["item"] = f"{row['persona']}|{row['item'][:3]}", row["item"][3:]
        if rng.random() < 0.5:
            row["persona"], _, row["item"] = f"{row['persona']}{row['item']}".partition("|")
            row["persona"], row["item"] = row["persona"] + "|" + row["item"], ""
        return ("no reply", "row", "no such sample")

    return with_rows(a, rng, edit)


@kind("score field in a row", "rows")
def _(a, rng):
    name = rng.choice(["score", "value", "choice", "status", "key", "correct", "acc"])

    def edit(rows):
        rng.choice(rows)[name] = rng.choice([1, 1.0, "A", True, None])
        return (name,)

    return with_rows(a, rng, edit)


@kind("key removed from a row", "rows", EITHER)
def _(a, rng):
    def edit(rows):
        row = rng.choice(rows)
        key = rng.choice([k for k in row if k not in ("reply", "loglikelihoods", "error")])
        del row[key]
        return (key,)

    return with_rows(a, rng, edit)


@kind("value of another type in a row", "rows")
def _(a, rng):
    def edit(rows):
        row = rng.choice(rows)
        key = rng.choice([k for k in row if k != "finish_reason"])
        row[key] = rng.choice([1, True, [], {"a": 1}, [1], 1.5])
        return (key, "messages")

    return with_rows(a, rng, edit)
