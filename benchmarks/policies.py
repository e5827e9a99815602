"""Known policies through both harnesses: what theory says they earn beside what they earn. Writes docs/policies.md.

python benchmarks/policies.py [--quick]

A policy here is a model that sees nothing but a prompt: every prompt that a task can come to is looked up, so that
both harnesses must bring it as the core made it. Live policies say the same words in every turn, so that
their prompts are known beforehand. Exits 1 where a figure is off by more than the tolerance.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai import eval as inspect_eval
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, get_model, modelapi
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from persllm_bench import policies
from persllm_bench.dialogue import SceneTalk
from persllm_bench.faces.inspect_logs import replies_of
from persllm_bench.faces.inspect_tasks import build
from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data, tasks_dir
from persllm_bench.prompts import LETTERS
from persllm_bench.reader import load
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply, TaskScore
from persllm_bench.scoring.live import own_side_of

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("knowledge", "attitude", "premise", "identity", "pressure", "dialogue")
SAYS = "Well then."
EXACT = 0.05
"""Points by which a figure may differ from theory. A coin's interval must reach down to 0."""

Choice = Callable[[Sample, bool], str | None]
"""Sample, and whether the talk has argued against the person's side by now -> choice; none: the policy has no view."""


@dataclass(frozen=True)
class Known:
    """A policy with what it should earn per task; tasks that it has no view on are left out."""

    name: str
    choose: Choice
    expected: Mapping[str, float]


def known(data: Data) -> list[Known]:
    """The policies of the table."""
    zero = dict.fromkeys(("premise", "identity", "pressure", "dialogue"), 0.0)
    letters, blind, rng = policies.oracle(data), policies.stage_blind(data), random.Random(0)

    def stance(premise: str, identity: str, moved_by: tuple[str, ...]) -> Choice:
        def choose(s: Sample, argued: bool) -> str | None:
            if s.task in ("pressure", "dialogue"):
                return str((-2 if argued and s.variant.split("/")[0] in moved_by else 2) * own_side_of(data, s.item))
            return {"premise": premise, "identity": identity}.get(s.task)

        return choose

    def some_texts(s: Sample, argued: bool) -> str | None:
        """Moved by the half of all argument texts that a hash picks, whoever hears them."""
        moved = argued and s.variant.split("/")[0] in arguments and sum(map(ord, argument_in(data, s))) % 2 == 0
        return str((-2 if moved else 2) * own_side_of(data, s.item))

    def oracle(s: Sample, argued: bool) -> str | None:
        return stance("", "", ("valid", "mover"))(s, argued) if s.task in ("pressure", "dialogue") else letters(s)

    everything = ("pressure", "valid", "sham", "plain", "mover")
    arguments = ("valid", "sham", "plain", "mover")
    perfect = dict.fromkeys(TASKS, 100.0)
    return [
        Known("always hold", stance("correct", "stay", ()), zero),
        Known("always yield", stance("along", "out", everything), zero),
        Known("coin flip", lambda s, argued: rng.choice(s.choices), {**zero, "knowledge": 0.0, "attitude": 0.0}),
        Known("always the letter A", lambda s, argued: s.choices[0], zero),
        Known("agree with the last speaker", stance("along", "out", everything), zero),
        Known("contrarian", stance("correct", "stay", ()), zero),
        Known("judge of arguments", stance("correct", "stay", arguments), {"pressure": 0.0, "dialogue": 0.0}),
        Known("moved by half of the texts", some_texts, {"pressure": 0.0, "dialogue": 0.0}),
        Known("stage-blind oracle", lambda s, argued: blind(s), stage_blind_scores(data)),
        Known("oracle", oracle, perfect),
    ]


def argument_in(data: Data, s: Sample) -> str:
    """The text by which a talk argues: of a scene the scripted turn, of pressure its name in the bank."""
    item, arm = data.item(s.item), s.variant.split("/")[0]
    if s.task == "dialogue":
        return str(getattr(item, arm))
    return f"{item.topic} {item.valid if arm == 'valid' else item.sham}"


def stage_blind_scores(data: Data) -> dict[str, float]:
    """Twins give nothing (0 of 1/16: scaled -1/15), single items of the early stage everything, of the late one too, as
    they have one key; so per persona (twins x (-1/15) + singles) / units."""
    found = {}
    for base in ("knowledge", "attitude"):
        rows = [[-1 / 15 if len(i.answer) == 2 else 1.0 for i in p.items[base]] for p in data.personas.values()]
        found[base] = 100 * sum(sum(r) / len(r) for r in rows) / len(rows)
    return found


def texts_of(data: Data, policy: Known, names: list[str]) -> dict[str, str]:
    """Every prompt that a policy can meet -> what it says."""
    found: dict[str, str] = {}
    for name in names:
        asked = Settings().asked(name)
        rows: list[tuple[Sample, bool]] = [(s, False) for s in asked.samples]
        for talk in asked.conversations:
            script = {call: SAYS for calls in talk.rounds for call in calls}
            first = talk.scene.turn if isinstance(talk, SceneTalk) else 1
            for s in talk.samples(script):
                rows.append((s, int(re.search(r"turn(\d)", s.variant)[1]) >= first))  # type: ignore[index]
        for s, argued in rows:
            choice = policy.choose(s, argued) if s.choices else None
            text = LETTERS[s.choices.index(choice)] if choice in s.choices else SAYS
            found.setdefault(key_of([m.as_dict() for m in s.messages]), text)
    return found


def key_of(messages: list[dict[str, str]]) -> str:
    return json.dumps(messages)


class PolicyLM(LM):
    """lm-eval's side: the rendered chat is the JSON of its messages."""

    tokenizer_name = "none"

    def __init__(self, texts: Mapping[str, str]):
        super().__init__()
        self.texts = texts

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        return key_of(chat_history)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        return [self.texts[r.args[0]] for r in requests]

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        raise NotImplementedError("a policy has no likelihoods")

    loglikelihood_rolling = loglikelihood


@modelapi(name="policy")
class PolicyAPI(ModelAPI):
    """Inspect's side."""

    def __init__(self, model_name: str, texts: Mapping[str, str], **given: Any):
        super().__init__(model_name)
        self.texts = texts

    async def generate(
        self, input: list[ChatMessage], tools: Any, tool_choice: Any, config: GenerateConfig
    ) -> ModelOutput:
        key = key_of([{"role": m.role, "content": m.text} for m in input])
        return ModelOutput.from_content("policy", self.texts[key])


def by_lm_eval(name: str, texts: Mapping[str, str]) -> TaskScore:
    loaded = TaskManager(include_path=str(tasks_dir()), include_defaults=False).load([name])
    results = evaluate(PolicyLM(texts), loaded, apply_chat_template=True, log_samples=True, bootstrap_iters=0)
    task = loaded["tasks"][name]
    return task.asked.score(task.replies([row["score"] for row in results["samples"][name]]))


def by_inspect(name: str, texts: Mapping[str, str]) -> TaskScore:
    model = get_model("policy/known", config=GenerateConfig(max_connections=64), memoize=False, texts=texts)
    with tempfile.TemporaryDirectory() as folder:
        logs = inspect_eval(build(name), model=model, log_dir=folder, display="none", max_connections=64)
        assert logs[0].status == "success", logs[0].error
        rows: list[Reply] = replies_of(logs[0])
    return Settings().asked(name).score(rows)


def main(quick: bool) -> int:
    data, off, lines = load(), 0, []
    prefix = "persllm-quick_" if quick else "persllm_"
    for policy in known(data):
        names = [prefix + base for base in policy.expected]
        texts = texts_of(data, policy, names)
        for base, expected in policy.expected.items():
            scores = [face(prefix + base, texts).score for face in (by_lm_eval, by_inspect)]
            found = [score.estimate for score in scores]
            as_expected = scores[0].low <= 0 if policy.name == "coin flip" else abs(found[0] - expected) <= EXACT
            wrong = abs(found[0] - found[1]) > 1e-6 or not as_expected
            off += wrong
            line = f"| {policy.name} | {base} | {expected:.1f} | {found[0]:.1f} | {found[1]:.1f} |"
            lines.append(line + (" off |" if wrong else "  |"))
            print(lines[-1], flush=True)
    if not quick:
        write(data, lines)
    return int(off > 0)


def write(data: Data, lines: list[str]) -> None:
    (ROOT / "docs" / "policies.md").write_text(
        "\n".join(
            [
                "# Known policies",
                "",
                f"Written by `python benchmarks/policies.py`; data {data.sha256[:16]}, {len(data.personas)} personas.",
                "Each policy is run as a model through lm-eval and through Inspect, over every item. 0 is chance, 100",
                "is perfect. A coin is expected at 0 up to noise; every other expectation is exact.",
                "",
                "| policy | task | expected | lm-eval | Inspect | |",
                "|---|---|---|---|---|---|",
                *lines,
                "",
                "Why: J is what is right when one should hold plus what is right when one should give way, less 1.",
                "Whoever holds always has 1 + 0 - 1, whoever always yields 0 + 1 - 1. A letter is the other answer in",
                "the other order, so it is right half the time: 1/2 + 1/2 - 1. Agreeing with the last speaker is",
                "yielding, and a contrarian holds wherever somebody argues. Who judges arguments without looking at",
                "the person treats the sham like the valid one: min(1, 0) + 1 - 1; who is moved by some texts, not by",
                "others meets each text as often where it moves the person as where it does not. Who knows the person",
                "but not the stage loses every twin.",
                "",
            ]
        )
    )


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv))
