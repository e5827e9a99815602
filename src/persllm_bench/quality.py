"""The gates on the data: named rules whose violations are listed all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer

from persllm_bench import policies
from persllm_bench.items import Data, Persona, evidence_of
from persllm_bench.reader import Fault
from persllm_bench.references import position
from persllm_bench.samples import VIEW_ROLES
from persllm_bench.schema import STAGES
from persllm_bench.shortcuts import letter_tasks

COUNTS = {"knowledge": 16, "attitude": 16, "premise": 8, "identity": 6, "pressure": 3, "open": 8, "gold": 4}
LENGTH_RATIO = 1.2
NEAR_DUPLICATE = 0.7
"""Cosine of character 4-grams (TF-IDF within a persona) from which two texts count as the same."""
ASSISTANT_PHRASES = ("i appreciate", "it's important to note", "i understand your concern", "as an ai", "delve")


def gate(data: Data) -> list[Fault]:
    """Every violation of every rule; empty when the data may be released."""
    rules: list[Callable[[Persona], Iterator[Fault]]] = [
        counts, twins, attitude_balance, option_lengths, assistant_phrases, near_duplicates, train_covers_test,
    ]  # fmt: skip
    faults = [fault for persona in data.personas.values() for rule in rules for fault in rule(persona)]
    return [*faults, *arguments_balanced(data), *scenes_balanced(data), *oracle_is_perfect(data)]


def _fault(persona: Persona, where: str, rule: str, value: object, allowed: str) -> Fault:
    return Fault(f"personas/{persona.slug}/{where}", None, rule, str(value), allowed)


def counts(persona: Persona) -> Iterator[Fault]:
    for name, wanted in COUNTS.items():
        if (n := len(persona.items[name])) != wanted:
            yield _fault(persona, f"items/{name}.jsonl", "count", n, str(wanted))
    for stage in STAGES:
        if (n := sum(s.stage == stage for s in persona.speech)) != 12:
            yield _fault(persona, "speech.jsonl", f"count {stage}", n, "12")
        if persona.head.trained and (n := sum(t.stage == stage for t in persona.train)) != 120:
            yield _fault(persona, f"train/{stage}.jsonl", "count", n, "120")
        if not 35 <= (n := len(persona.dossiers[stage])) <= 45:
            yield _fault(persona, f"{stage}.md", "statements", n, "35 to 45")
    for speech in persona.speech:
        if not 30 <= (n := len(speech.text.split())) <= 80:
            yield _fault(persona, "speech.jsonl", f"words of {speech.id}", n, "30 to 80")


def twins(persona: Persona) -> Iterator[Fault]:
    """Half of knowledge and attitude are twins; single items are spread evenly over the stages."""
    for name in ("knowledge", "attitude"):
        items = persona.items[name]
        shape = Counter("twin" if len(i.answer) == 2 else next(iter(i.answer)) for i in items)
        if shape != {"twin": 8, "early": 4, "late": 4}:
            yield _fault(persona, f"items/{name}.jsonl", "twins", dict(shape), "8 twins, 4 early, 4 late")


def attitude_balance(persona: Persona) -> Iterator[Fault]:
    keys = Counter(role for item in persona.items["attitude"] for role in item.answer.values())
    if any(keys[role] != 6 for role in VIEW_ROLES):
        yield _fault(persona, "items/attitude.jsonl", "key-balance", dict(keys), "each view right 6 times")
    topics = [item.topic for item in persona.items["attitude"]]
    if twice := sorted({t for t in topics if topics.count(t) > 1}):
        yield _fault(persona, "items/attitude.jsonl", "topic-once", twice, "each topic once")


def option_lengths(persona: Persona) -> Iterator[Fault]:
    """Options of one item differ by at most a fifth in length, and length says nothing about the key."""
    groups = {i.id: i.options for i in persona.items["knowledge"]}
    groups |= {i.id: [i.along, i.correct] for i in persona.items["premise"]}
    groups |= {i.id: [i.stay, i.out] for i in persona.items["identity"]}
    for name, options in groups.items():
        ratio = max(map(len, options)) / min(map(len, options))
        if ratio > LENGTH_RATIO:
            yield _fault(persona, "items", f"option-length {name}", f"{ratio:.2f}", f"at most {LENGTH_RATIO}")


def assistant_phrases(persona: Persona) -> Iterator[Fault]:
    for item in (*persona.speech, *persona.train, *(i for items in persona.items.values() for i in items)):
        text = item.model_dump_json().lower()
        for phrase in ASSISTANT_PHRASES:
            if phrase in text and "/identity/" not in text:
                yield _fault(persona, "", f"assistant-phrase {getattr(item, 'id', '')}", phrase, "none")


def test_texts(persona: Persona) -> list[tuple[str, str]]:
    """(item id, text) of every question and option that a test item of the pack shows."""
    rows = []
    for item in persona.items["knowledge"]:
        rows += [(item.id, item.question), *((item.id, o) for o in item.options)]
    for item in persona.items["premise"]:
        rows += [(item.id, item.frame.replace("{}", fill)) for fill in (item.false, item.true)]
        rows += [(item.id, item.along), (item.id, item.correct)]
    for item in persona.items["identity"]:
        said = (
            [item.frame.replace("{}", f) for f in (item.story, item.real)] if item.kind == "danger" else [item.prompt]
        )
        rows += [(item.id, text) for text in (*said, item.stay, item.out)]
    for item in persona.items["open"]:
        rows += [(item.id, q) for q in item.questions]
        rows += [(item.id, r) for refs in item.references.values() for r in refs]
    return rows


def closest_pairs(persona: Persona) -> list[tuple[float, str, str]]:
    """(cosine, test item, train conversation) for every test item, its closest train text, closest pair first."""
    tests = test_texts(persona)
    trains = [(t.id, text) for t in persona.train for text in (t.prompt, t.response)]
    if not tests or not trains:
        return []
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4), sublinear_tf=True)
    matrix = vectors.fit_transform([t for _, t in (*tests, *trains)])
    cosine = (matrix[: len(tests)] @ matrix[len(tests) :].T).toarray()
    best: dict[str, tuple[float, str, str]] = {}
    for (item, _), row in zip(tests, cosine, strict=True):
        i = int(row.argmax())
        best[item] = max(best.get(item, (0.0, item, "")), (float(row[i]), item, trains[i][0]))
    return sorted(best.values(), reverse=True)


def near_duplicates(persona: Persona) -> Iterator[Fault]:
    """No train text is a near duplicate of a test text."""
    for cosine, item, conversation in closest_pairs(persona):
        if cosine >= NEAR_DUPLICATE:
            yield _fault(
                persona,
                "train",
                f"near-duplicate of {item}",
                f"{conversation} at {cosine:.2f}",
                f"under {NEAR_DUPLICATE}",
            )


def train_covers_test(persona: Persona) -> Iterator[Fault]:
    """Every statement that a test item of a trained persona cites occurs in two or more train conversations."""
    if not persona.head.trained:
        return
    taught = Counter((t.stage, s) for t in persona.train for s in set(t.evidence))
    cited = {
        (stage, s)
        for name, items in persona.items.items()
        if name != "gold"
        for i in items
        for stage, ss in evidence_of(i)
        for s in ss
    }
    for stage, statement in sorted(cited):
        if taught[stage, statement] < 2:
            yield _fault(
                persona, f"train/{stage}.jsonl", f"coverage of {statement}", taught[stage, statement], "2 or more"
            )


def arguments_balanced(data: Data) -> Iterator[Fault]:
    """Each argument of the bank is valid for as many as it is sham for, so that no reading of arguments alone earns
    anything."""
    uses: Counter[tuple[str, str, str]] = Counter()
    for persona in data.personas.values():
        for item in persona.items["pressure"]:
            toward = "against" if position(persona, item.topic, item.stage) > 0 else "for"
            uses[item.topic, toward, item.valid] += 1
            uses[item.topic, toward, item.sham] -= 1
    for (topic, toward, appeal), more in sorted(uses.items()):
        if more:
            where = f"{topic}/{toward}/{appeal}"
            yield Fault(
                "topics/arguments.jsonl", None, f"balance {where}", f"{more:+d} valid", "as often valid as sham"
            )


def scenes_balanced(data: Data) -> Iterator[Fault]:
    """Each scripted turn is the mover of as many scenes as it is the plain turn of; each persona is scored in one scene
    per stage; either side opens half of the scenes."""
    scenes = data.banks["scenes/scenes"]
    uses: Counter[str] = Counter()
    for scene in scenes:
        uses[scene.mover] += 1
        uses[scene.plain] -= 1
    for text, more in sorted(uses.items()):
        if more:
            yield Fault(
                "scenes/scenes.jsonl", None, "balance", f"{more:+d} mover: {text[:40]}", "as often mover as plain"
            )
    scored = Counter((s.scored.persona, s.scored.stage) for s in scenes)
    for slug in data.personas:
        for stage in STAGES:
            if (n := scored[slug, stage]) != 1:
                yield Fault("scenes/scenes.jsonl", None, f"scenes of {slug}, {stage}", str(n), "1")
    opens = Counter(s.first for s in scenes)
    if abs(opens["scored"] - opens["partner"]) > 1:
        yield Fault("scenes/scenes.jsonl", None, "first speaker", str(dict(opens)), "half each")


def oracle_is_perfect(data: Data) -> Iterator[Fault]:
    """Every gold answer scores full marks through the real scorer."""
    for spec in letter_tasks():
        value = policies.score_policy(spec, data, policies.oracle(data)).score.estimate
        if value < 100 - 1e-6:
            yield Fault(spec.name, None, "oracle", f"{value:.1f}", "100")


def counts_table(data: Data, voices: Mapping[str, float]) -> Table:
    """Records per persona, the share of speech told apart by voice, and the train text closest to a test text."""
    columns = [*COUNTS, "speech", "train"]
    title = f"items; closest train text: cosine, under {NEAR_DUPLICATE}"
    table = Table("persona", "origin", *columns, "voice", "closest train text", title=title, title_justify="left")
    for p in data.personas.values():
        sizes = [len(p.items[n]) for n in COUNTS] + [len(p.speech), len(p.train)]
        closest = [f"{c:.2f} {item.split('/', 1)[1]} ~ {talk.split('/')[-1]}" for c, item, talk in closest_pairs(p)[:1]]
        table.add_row(p.slug, p.head.origin, *map(str, sizes), f"{voices[p.slug]:.2f}", *(closest or ["-"]))
    return table
