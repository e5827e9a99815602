"""Attacks a valid bundle in every way of the catalogue, and writes what came of it to docs/attacks.md.

python benchmarks/attacks.py [--mutations 10000] [--write docs/attacks.md]

The law: a changed bundle is rejected with a message that names the change, or every score stays what it was.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import attack_bytes  # noqa: F401  these register their kinds
import attack_facts  # noqa: F401
import attack_files  # noqa: F401
import attack_rows  # noqa: F401
import attack_text  # noqa: F401
from attack_kinds import KINDS, REJECTED, UNCHANGED, Attack
from attack_pulls import PULLS, Repository
from persllm_bench import report
from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data
from persllm_bench.policies import coin
from persllm_bench.reader import load
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply
from persllm_bench.scoring.record import LogLikelihoods
from persllm_bench.submissions import BadBundle, Bundle, Declared, Git, validate
from persllm_bench.submissions.calibration import answers, spoken_by
from persllm_bench.submissions.pack import assemble
from persllm_bench.submissions.pull import check_pull
from persllm_bench.submissions.record import Model, Serving, TrainingData
from persllm_bench.suite import task

TASKS = ("persllm-quick_knowledge", "persllm-quick_identity", "persllm-quick_open", "persllm-quick_pressure")
TWIN = "persllm-ll_identity"


def victim(data: Data) -> tuple[str, dict[str, bytes]]:
    """A valid bundle with letters, open replies, a live task and a likelihood twin, drawn at random."""
    rng, say = random.Random(0), spoken_by(coin())
    rows: dict[Any, list[Reply]] = {("profile", name): list(answers(data, name, "profile", say)) for name in TASKS}

    def sums(s: Sample) -> LogLikelihoods:
        given, baseline = ([-rng.random() * 50 for _ in s.continuations] for _ in range(2))
        return LogLikelihoods(given=given, baseline=baseline)

    asked = task(TWIN).samples(data, "none")
    rows["none", TWIN] = [Reply.to(s, "none", loglikelihoods=sums(s)) for s in asked]
    model = Model(repo="org/model", revision="0" * 40, parameters=1, dtype="float32", licence="x", open_weights=True)
    meta = Declared(
        model=model, serving=Serving(backend="hf"), hardware="a computer", command="persllm-bench run", attempts=1,
        training_data=TrainingData(description="none", train_split=False, test_items="no"), contact="somebody",
    )  # fmt: skip
    settings = {c: Settings(c) for c in ("profile", "none")}
    return assemble(
        rows, settings, meta, data, run="first", model=model.model_dump(), harness=("lm-eval", {"numpy": "2"})
    )


class Range:
    """Attacks one bundle. `fire` returns what came of it and raises AssertionError where the law is broken."""

    def __init__(self, data: Data, where: str, files: dict[str, bytes]):
        self.data, self.start = data, Attack(where, files)
        self._kept: dict[Any, list] = {}
        self.scores = self.score(validate(self.start.tree(), where, data))

    def score(self, bundle: Bundle) -> list:
        """The scores, derived once for each set of replies."""
        key = tuple((c, t, tuple(sorted(r.model_dump_json() for r in rows))) for (c, t), rows in bundle.replies.items())
        if key not in self._kept:
            self._kept[key] = report.as_json(bundle.score(self.data))
        return self._kept[key]

    def fire(self, name: str, rng: random.Random) -> str:
        _, expected, mutate = KINDS[name]
        attack = mutate(self.start, rng)
        try:
            found = validate(attack.tree(), attack.where, self.data)
        except BadBundle as error:
            if expected == UNCHANGED:
                raise AssertionError(f"{name}: rejected, though it changes no score") from error
            return self.named(name, attack.names, str(error))
        assert expected != REJECTED, f"{name}: accepted"
        assert self.score(found) == self.scores, f"{name}: accepted, and scores differ"
        return UNCHANGED

    def pull(self, name: str, repository: Repository, rng: random.Random) -> str:
        changes, word = PULLS[name](repository, rng)
        head = repository.commit(changes, repository.base)
        try:
            check_pull(Git(repository.folder), head, repository.base, self.data)
        except BadBundle as error:
            return self.named(name, (word,), str(error))
        raise AssertionError(f"{name}: accepted")

    @staticmethod
    def named(name: str, words: tuple[str, ...], message: str) -> str:
        assert any(word in message for word in words), f"{name}: {words} not named in:\n{message}"
        assert all(line.isprintable() for line in message.split("\n")), f"{name}: unprintable message"
        return REJECTED


def table(counts: dict[str, Counter], seconds: float) -> str:
    rows = [
        f"| {KINDS[name][0] if name in KINDS else 'pull request'} | {name} | {sum(c.values()):,} | {c[REJECTED]:,} | "
        f"{c[UNCHANGED]:,} |"
        for name, c in counts.items()
    ]
    total = sum((c for c in counts.values()), Counter())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"""# Attacks on submissions

`python benchmarks/attacks.py --write docs/attacks.md` changes a valid bundle in every way below and writes this page.
The law that each mutation was held to: **rejected with a message that names the change, or every score the same**.
Unless a kind is about the manifest, the attacker makes a fresh one. `tests/test_attacks.py` holds the same law on a
bundle of the mini model.

{sum(total.values()):,} mutations: {total[REJECTED]:,} rejected, {total[UNCHANGED]:,} accepted with every score
unchanged, none that broke the law (the command stops at the first). {seconds:.0f} s in one process, peak memory
{peak:.0f} MB, bombs included.

| family | change | mutations | rejected | scores unchanged |
|---|---|---|---|---|
{chr(10).join(rows)}

**What this cannot catch.** Replies that were invented together with a fresh manifest (and, in live tasks, the prompt
hashes that follow) are a valid bundle: nothing in the bytes tells who said them. Only asking the model again does:
`persllm-bench rerun` (docs/submissions.md; `tests/test_rerun.py` shows 2 % of invented replies failing it).
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    data = load()
    where, files = victim(data)
    target = Range(data, where, files)
    names = [*KINDS, *PULLS]
    counts: dict[str, Counter] = {name: Counter() for name in names}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(Path(folder), where, files)
        check_pull(
            Git(repository.folder), repository.commit(repository.submission(), repository.base), repository.base, data
        )
        for number in range(given.mutations):
            name = names[number % len(names)]
            rng = random.Random(number)
            outcome = target.fire(name, rng) if name in KINDS else target.pull(name, repository, rng)
            counts[name][outcome] += 1
    text = table(counts, time.monotonic() - began)
    print(text)
    if given.write:
        given.write.write_text(text)


if __name__ == "__main__":
    main()
