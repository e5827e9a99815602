"""Attacks on submission.json and on where a bundle says it lies."""

from __future__ import annotations

from dataclasses import replace

from attack_kinds import (
    BIDI,
    EITHER,
    NAMES,
    TRAVERSAL,
    UNCHANGED,
    changed,
    expand,
    kind,
    objects,
    spots,
    with_facts,
)
from persllm_bench.submissions.validation import FACTS


@kind("score field in the facts", "facts")
def _(a, rng):
    def edit(facts):
        name = rng.choice(["score", "scores", "acc", "PersLLM-Core", "results", "level", "rank", "verified"])
        facts[name] = rng.choice([100.0, {"persllm_knowledge": 99.9}, "1st", [1]])
        return name

    return with_facts(a, rng, edit)


@kind("unknown key", "facts")
def _(a, rng):
    def edit(facts):
        name = "key" + str(rng.randrange(10**6))
        target = rng.choice([o for o in objects(facts) if o is not facts["harness"]["packages"]])
        target[name] = rng.choice([1, "x", None, []])
        return name

    return with_facts(a, rng, edit)


@kind("key removed", "facts", EITHER)
def _(a, rng):
    def edit(facts):
        container, key, _ = rng.choice([s for s in spots(facts) if isinstance(s[0], dict)])
        del container[key]
        return str(key)

    attack = with_facts(a, rng, edit)
    return replace(attack, names=(*attack.names, "file-named"))


@kind("value of another type", "facts", EITHER)
def _(a, rng):
    def edit(facts):
        container, key, path = rng.choice(spots(facts))
        container[key] = rng.choice([None, True, -1, 1.5, "", "x", [], {}, [[]], {"a": 1}])
        return str(path[0])

    return with_facts(a, rng, edit)


@kind("number out of range", "facts")
def _(a, rng):
    def edit(facts):
        where, key, bad = rng.choice(
            [("model", "parameters", -1), ("model", "parameters", 10**16), ("", "attempts", 0), ("", "attempts", 10**9),
             ("generation", "temperature", 0.7), ("generation", "epochs", 5), ("generation", "top_p", 0.9)]
        )  # fmt: skip
        (facts[where] if where else facts)[key] = bad
        return key

    return with_facts(a, rng, edit)


@kind("NaN or Infinity in the facts", "facts")
def _(a, rng):
    word = rng.choice(["NaN", "Infinity", "-Infinity"])
    raw = a.files[FACTS].replace(b'"attempts": ', f'"attempts": {word}, "x": '.encode())
    return changed(a, FACTS, raw, word)


@kind("duplicate key in the facts", "facts")
def _(a, rng):
    key, value = rng.choice([("run", '"other"'), ("calibration", "true"), ("attempts", "1"), ("contact", '"me"')])
    raw = f'{{"{key}": {value},'.encode() + a.files[FACTS].lstrip()[1:]
    return changed(a, FACTS, raw, f"duplicate key '{key}'", f"duplicate key {key}")


@kind("huge number in the facts", "facts")
def _(a, rng):
    digits = rng.choice(["9" * 5000, "1e999", "-1e400", "1" + "0" * 400, "0." + "3" * 500])
    return changed(a, FACTS, a.files[FACTS].replace(b'"attempts": 1', b'"attempts": ' + digits.encode()), "number")


@kind("deep nesting in the facts", "facts")
def _(a, rng):
    depth = rng.choice([200, 2_000, 20_000, 40_000])
    bad = rng.choice([b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth])
    names = ("nested", "recursion", "attempts", "size")
    return changed(a, FACTS, a.files[FACTS].replace(b'"attempts": 1', b'"attempts": ' + bad), *names)


@kind("control, bidi or invisible characters in a text", "facts")
def _(a, rng):
    def edit(facts):
        container, key = rng.choice(
            [(facts, "hardware"), (facts, "command"), (facts, "contact"), (facts["model"], "licence"),
             (facts["model"], "repo"), (facts["serving"], "backend"), (facts["training_data"], "description")]
        )  # fmt: skip
        text = container[key]
        at = rng.randrange(len(text) + 1)
        container[key] = text[:at] + rng.choice(BIDI) + text[at:]
        return key

    return with_facts(a, rng, edit)


@kind("path traversal or odd name in the facts", "facts")
def _(a, rng):
    def edit(facts):
        bad = rng.choice(TRAVERSAL + NAMES)
        container, key = rng.choice(
            [(facts["model"], "repo"), (facts["model"], "revision"), (facts, "run"), (facts, "benchmark"),
             (facts["model"], "files_sha256"), (facts, "data_sha256")]
        )  # fmt: skip
        container[key] = bad if key != "repo" or rng.random() < 0.5 else f"org/{bad}"
        return key

    return with_facts(a, rng, edit)


@kind("stale or foreign version", "facts")
def _(a, rng):
    def edit(facts):
        key = rng.choice(["data_sha256", "schema_version"])
        facts[key] = rng.choice([0, 2, 99]) if key == "schema_version" else rng.randbytes(32).hex()
        return key

    return with_facts(a, rng, edit)


@kind("task, condition or persona that does not exist", "facts")
def _(a, rng):
    def edit(facts):
        part = rng.choice(list(facts["conditions"].values()))
        which = rng.randrange(4)
        if which == 0:
            part["tasks"] = sorted([*part["tasks"], "persllm_wisdom"])
            return "persllm_wisdom"
        if which == 1:
            facts["conditions"]["profil"] = part
            return "profil"
        if which == 2:
            part["personas"] = ["nobody"]
            return "nobody"
        part["tasks"] = [*part["tasks"], part["tasks"][0]]
        return "sorted"

    return with_facts(a, rng, edit)


@kind("favourable personas only", "facts")
def _(a, rng):
    def edit(facts):
        part = rng.choice(list(facts["conditions"].values()))
        part["personas"] = [
            rng.choice(sorted({r["persona"] for p in a.files if p.endswith(".zst") for r in expand(a.files[p])}))
        ]
        return "persona"

    attack = with_facts(a, rng, edit)
    return replace(attack, names=("no such sample", "no reply", "personas"))


@kind("task left out of the facts", "facts")
def _(a, rng):
    def edit(facts):
        part = rng.choice(list(facts["conditions"].values()))
        part["tasks"].remove(rng.choice(part["tasks"]))
        return "replies to tasks that submission.json names"

    attack = with_facts(a, rng, edit)
    return replace(attack, names=("file-named", "tasks"))


@kind("text around the facts", "facts", EITHER)
def _(a, rng):
    raw = a.files[FACTS]
    bad = rng.choice([b"\xef\xbb\xbf" + raw, raw + b"{}", raw + b"\0", raw + raw, b"\xff" + raw, raw[:-5], b"", b"null",
                      raw + b"\n\n", raw.decode().encode("utf-16"), b"[" + raw + b"]", b"//c\n" + raw])  # fmt: skip
    return changed(a, FACTS, bad, FACTS)


@kind("other true facts", "facts", UNCHANGED)
def _(a, rng):
    def edit(facts):
        which = rng.randrange(5)
        if which == 0:
            facts["calibration"] = True
        elif which == 1:
            facts["model"]["parameters"] = rng.randint(1, 10**12)
        elif which == 2:
            facts["attempts"] = rng.randint(1, 100)
        elif which == 3:
            facts["hardware"] = rng.choice(["\u6771\u4eac", "<script>alert(1)</script>", "=HYPERLINK(1)", "**x**"])
        else:
            facts["scorer_sha256"] = rng.randbytes(32).hex()
        return ""

    return with_facts(a, rng, edit)


@kind("somebody else's folder", "facts")
def _(a, rng):
    where = (
        rng.choice(["org__theirs", "Org__model", "ORG__MODEL", "org__model2"]) + "/" + "/".join(a.where.split("/")[1:])
    )
    return replace(a, where=where, names=("folder",))


@kind("folder with an odd name", "facts")
def _(a, rng):
    parts = a.where.split("/")
    parts[rng.randrange(3)] = rng.choice(TRAVERSAL + NAMES + BIDI + ["A" * 40, "0" * 39, "a__b__"])
    return replace(a, where="/".join(parts), names=("folder",))
