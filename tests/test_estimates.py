"""What a run will ask is said at once, in tokens, before anything heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from persllm_bench.estimates import estimate
from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data
from persllm_bench.suite import TASKS

HEAVY = ("torch", "transformers", "datasets", "lm_eval", "inspect_ai", "scipy", "sklearn", "nltk", "sacrebleu")


def test_prompt_tokens_are_those_of_every_message(data: Data, mini: Path) -> None:
    name = "persllm-quick_knowledge"
    tokenizer = Tokenizer.from_file(str(mini / "tokenizer.json"))
    samples = TASKS[name].samples(data, "profile")
    whole = sum(len(tokenizer.encode(m.content).ids) for s in samples for m in s.messages)
    first = sum(len(tokenizer.encode(text).ids) for text in {s.messages[0].content for s in samples})
    last = sum(len(tokenizer.encode(s.messages[1].content).ids) for s in samples)
    ((row,), how) = estimate([name], Settings(reasoning=10), str(mini))
    assert (row.calls, row.prompt, row.new, row.reply) == (len(samples), whole, first + last, 18 * len(samples))
    assert how.startswith("tokens of ")


def test_likelihoods_count_every_option_with_and_without_the_persona(data: Data, mini: Path) -> None:
    name = "persllm-ll_identity"
    samples = TASKS[name].samples(data, "profile")
    ((row,), _) = estimate([name], Settings(), str(mini))
    assert row.calls == sum(2 * len(s.continuations) for s in samples)
    assert row.reply == 0


def test_without_a_local_tokenizer_characters_are_counted_and_this_is_said(data: Data) -> None:
    ((row,), how) = estimate(["persllm-quick_open"], Settings(), "somebody/some-model")
    samples = TASKS["persllm-quick_open"].samples(data, "profile")
    assert row.prompt == sum(-(-len(m.content) // 4) for s in samples for m in s.messages)
    assert how == "no tokenizer.json in somebody/some-model: 4 characters a token"


def test_a_broken_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match=r"tokenizer\.json: no tokenizer"):
        estimate(["persllm-quick_open"], Settings(), str(tmp_path))


def test_a_dry_run_loads_no_harness_and_no_statistics(mini: Path, tmp_path: Path) -> None:
    code = (
        "import json, sys; from persllm_bench.cli import app\n"
        "try: app(sys.argv[1:])\n"
        f"except SystemExit: print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    options = ["run", "--model", str(mini), "--output", str(tmp_path), "--dry-run"]
    done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
