"""Prints how fast runs are as ratios, both sides of each measured in turn in this process; Markdown.

    benchmarks/vllm_cpu_env.sh && .venv-vllm/bin/python benchmarks/speed.py

Without vLLM, in any other environment, its part is left out and this is said.

Times are medians over `--repeat` rounds in which the sides take turns, so that a busy machine slows both. Every round
starts without kept states; models are loaded before.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

import numpy as np
from lm_eval.api.instance import Instance

from persllm_bench import prefixes
from persllm_bench.drivers import Inspect, LmEval, Target
from persllm_bench.faces.key_values import Store, compute, lay_out
from persllm_bench.faces.settings import Settings
from persllm_bench.prompts import Message, system_message
from persllm_bench.reader import load
from persllm_bench.runner import run
from persllm_bench.samples import Sample
from persllm_bench.schema import STAGES
from persllm_bench.suite import TASKS, choose
from shapes import DEVICE
from timing import Side, in_turn, show

ROOT = Path(__file__).resolve().parents[1]
TURNS = "turns of one talk"
LETTERS = [name for name, t in TASKS.items() if t.kind == "letter" and not t.quick]


def letters(persona: str) -> list[Sample]:
    return [s for name in LETTERS for s in Settings(personas=persona).asked(name).samples]


def instances(lm: Any, samples: Sequence[Sample]) -> list[Instance]:
    texts = [lm.apply_chat_template([m.as_dict() for m in s.messages]) for s in samples]
    settings = [{"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": s.max_tokens} for s in samples]
    return [Instance("generate_until", {}, args, i) for i, args in enumerate(zip(texts, settings, strict=True))]


def forgetful(lm: Any, requests: list[Instance], step: int = 10_000) -> Side:
    """Asks `step` requests at a time, with nothing kept from before; one at a time are the turns of a talk."""
    for request in requests:
        request.goes_on = step == 1  # type: ignore[attr-defined]

    def ask() -> list[str]:
        if getattr(lm, "store", None) is not None:
            lm.store = Store(lm.store.budget)
        return [r for i in range(0, len(requests), step) for r in lm.generate_until(requests[i : i + step])]

    return ask


def models(model: str) -> tuple[Any, Any]:
    from lm_eval.models.huggingface import HFLM

    from persllm_bench.faces.lm_eval_prefix import PrefixLM

    settings = {"pretrained": model, "dtype": "float32", "batch_size": 16, "device": DEVICE}
    return PrefixLM(**settings), HFLM(**settings)


def stock(args: argparse.Namespace) -> None:
    """Letters of one persona: ours against stock lm-eval."""
    samples = letters(args.persona)
    sides = [forgetful(lm, instances(lm, samples)) for lm in models(args.model)]
    same = sum(a == b for a, b in zip(*(side() for side in sides), strict=True))
    a, b = in_turn(args.repeat, *sides)
    row = {"requests": len(samples), "same replies": same, "ours, ms each": 1000 * a / len(samples)}
    row |= {"stock, ms each": 1000 * b / len(samples), "stock / ours": b / a}
    show("Letter tasks of one persona, hf: ours against stock lm-eval", row)


def bare(args: argparse.Namespace) -> None:
    """The whole pipeline, but for loading the model, against a plain loop over the same prompts."""
    driver = LmEval(Target(args.model))
    prompts = [r.args[0] for r in instances(driver.lm, letters(args.persona))]

    def pipeline() -> None:
        driver.lm.store = Store(driver.lm.store.budget)
        with tempfile.TemporaryDirectory() as folder:
            run(Target(args.model), LETTERS, Path(folder), personas=[args.persona], driver=driver)

    def loop() -> None:
        ids = driver.lm.tokenizer(prompts, add_special_tokens=False)["input_ids"]
        for group in prefixes.groups(ids):
            rows = [np.array(ids[i]) for i in group.members]
            kept = compute(driver.lm.model, rows[0][: group.shared], (None, 0)) if group.shared else None
            for i in range(0, len(rows), 16):
                batch = rows[i : i + 16]
                inputs, mask, cache = lay_out(batch, [(kept, group.shared)] * len(batch), 0, driver.lm.device)
                options = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
                out = driver.lm.model.generate(inputs, attention_mask=mask, past_key_values=cache, **options)
                driver.lm.tokenizer.batch_decode(out[:, inputs.shape[1] :], skip_special_tokens=True)

    a, b = in_turn(args.repeat, pipeline, loop)
    row = {"requests": len(prompts), "pipeline, s": a, "bare loop, s": b, "pipeline / bare loop": a / b}
    show("Whole pipeline against a bare loop with the same prefix cache, hf", row)


def harnesses(args: argparse.Namespace) -> None:
    """Both harnesses on the same tasks, models loaded before."""
    names = ["persllm-quick_knowledge", "persllm-quick_pressure"]
    drivers = {"lm-eval": LmEval(Target(args.model)), "inspect": Inspect(Target(args.model))}

    def ask(harness: str, name: str) -> None:
        if harness == "lm-eval":
            drivers[harness].lm.store = Store(drivers[harness].lm.store.budget)  # type: ignore[union-attr]
        with tempfile.TemporaryDirectory() as folder:
            run(Target(args.model), [name], Path(folder), harness=harness, driver=drivers[harness])  # type: ignore[arg-type]

    rows: list[dict[str, object]] = []
    for name in names:
        a, b = in_turn(args.repeat, *(partial(ask, harness, name) for harness in drivers))
        rows.append({"task": name, "lm-eval, s": a, "Inspect, s": b, "Inspect / lm-eval": b / a})
    show("Inspect (its own hf provider) against lm-eval (ours)", *rows)


def start(args: argparse.Namespace) -> None:
    """Starting up, each time in a new process."""
    cli = ["-m", "persllm_bench.cli", "run", "--model", args.model, "--output", "unused", "--dry-run"]
    index = f"from lm_eval.tasks import TaskManager as T; T(include_path='{ROOT / 'tasks'}', include_defaults="
    lines = {
        "`persllm-bench run --dry-run`, all tasks": cli,
        "lm-eval's index, `include_defaults=False`": ["-c", f"{index}False)"],
        "lm-eval's index with its own tasks": ["-c", f"{index}True)"],
    }
    sides = [
        partial(subprocess.run, [sys.executable, *line], capture_output=True, check=True) for line in lines.values()
    ]
    found = in_turn(args.repeat, *sides)
    show("Start", *({"what": what, "s": took} for what, took in zip(lines, found, strict=True)))


def growth(args: argparse.Namespace) -> None:
    """Cost as dossiers, questions on one dossier and turns of one talk grow."""
    data, (ours, theirs) = load(), models(args.model)
    systems = [
        system_message(data, persona, stage, condition)
        for condition in ("profile", "swapped")
        for persona in choose(data, "profile")
        for stage in STAGES
    ]
    asked = [s.messages[1] for s in letters(args.persona)]
    grown: dict[str, Callable[[int], list[tuple[Message, ...]]]] = {
        "dossiers, 4 questions each": lambda n: [(s, q) for s in systems[:n] for q in asked[:4]],
        "questions on one dossier": lambda n: [(systems[0], q) for q in asked[:n]],
        TURNS: lambda n: [turn(systems[0], asked, t) for t in range(1, n + 1)],
    }
    rows: list[dict[str, object]] = []
    for what, make in grown.items():
        for n in (1, 4, 16):
            samples = [Sample("", "", "", "early", "", messages) for messages in make(n)]
            step = 1 if what == TURNS else n * len(samples)
            a, b = in_turn(args.repeat, *(forgetful(lm, instances(lm, samples), step) for lm in (ours, theirs)))
            row = {"of what": what, "how many": n, "requests": len(samples)}
            rows.append(row | {"ours, s": a, "stock, s": b, "stock / ours": b / a})
    show("Cost by size, hf", *rows)


def turn(system: Message, asked: Sequence[Message], number: int) -> tuple[Message, ...]:
    """The prompt of a turn: the questions before it, each with the same short reply, and its own."""
    reply = Message("assistant", "That is how I see it, and I stay with it.")
    return (system, *(m for q in asked[: number - 1] for m in (q, reply)), asked[number - 1])


def engine(args: argparse.Namespace) -> None:
    """vLLM, where it is installed."""
    if find_spec("vllm") is None:
        print("\nvLLM is not installed here: its part needs the environment that benchmarks/vllm_cpu_env.sh makes")
        return
    import speed_vllm

    speed_vllm.measure(args.model, args.persona, letters(args.persona), args.repeat)


PARTS = {"start": start, "stock": stock, "bare": bare, "harnesses": harnesses, "growth": growth, "vllm": engine}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(ROOT / "reference_models" / "mini" / "model"))
    parser.add_argument("--persona", default="", help="slug; default: the first")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    args.persona = args.persona or min(load().personas)
    for name in ("lm_eval", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    machine = f"{os.cpu_count()} cores, {os.environ.get('OMP_NUM_THREADS', 'all')} threads"
    print(f"{Path(args.model).parent.name} model, {machine}, {args.repeat} rounds, {args.persona}")
    for name in args.only:
        PARTS[name](args)


if __name__ == "__main__":
    main()
