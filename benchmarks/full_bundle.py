"""What a bundle of full size costs: checked and scored in a fresh process each, then a board over many known ones.

python benchmarks/full_bundle.py [--replies 20000] [--known 1000] [--work FOLDER]

The replies are letters and sentences drawn at random over every default task, condition by condition, until there are
enough. The known bundles differ in model name and in the bytes of every reply file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from persllm_bench.faces.settings import Settings
from persllm_bench.prompts import CONDITIONS, LETTERS
from persllm_bench.reader import load
from persllm_bench.samples import Sample
from persllm_bench.submissions import Declared, Submission, folder_tree
from persllm_bench.submissions.bundle import facts_json
from persllm_bench.submissions.calibration import answers
from persllm_bench.submissions.pack import assemble, seal_files, write
from persllm_bench.submissions.record import Model, Serving, TrainingData
from persllm_bench.submissions.scores import scored
from persllm_bench.suite import KINDS

WORDS = ["I", "we", "the", "my", "old", "new", "sea", "letter", "church", "king", "war", "truth", "never", "kept"]


def meta(name: str) -> Declared:
    return Declared(
        model=Model(repo=f"bench/{name}", revision="0" * 40, dtype="float32", licence="none", open_weights=True),
        serving=Serving(backend="random"),
        hardware="any",
        command="python benchmarks/full_bundle.py",
        attempts=1,
        training_data=TrainingData(description="none", train_split=False, test_items="no"),
        contact="none",
    )


def make(replies: int, folder: Path) -> Path:
    """A bundle of at least so many replies, all conditions in turn."""
    data, rng = load(), random.Random(0)

    def say(s: Sample) -> str:
        length = min(s.max_tokens, rng.randint(20, 200))
        return rng.choice(LETTERS[: len(s.choices)]) if s.choices else " ".join(rng.choices(WORDS, k=length))

    rows: dict = {}
    for condition in CONDITIONS:
        for base in KINDS:
            if sum(map(len, rows.values())) < replies:
                rows[condition, f"persllm_{base}"] = list(answers(data, f"persllm_{base}", condition, say))
    settings = {c: Settings(c) for c, _ in rows}
    declared = meta("full")
    where, files = assemble(
        rows, settings, declared, data, run="full", model=declared.model.model_dump(), harness=("lm-eval", {})
    )
    print(f"{sum(map(len, rows.values())):,} replies, {sum(map(len, files.values())):,} bytes, {len(files)} files")
    write(files, folder / where)
    return folder / where


def timed(label: str, *command: str) -> None:
    begin, used = time.monotonic(), _processor()
    done = subprocess.run([sys.executable, "-m", "persllm_bench.cli", *command], capture_output=True, text=True)
    seconds = time.monotonic() - begin
    assert done.returncode == 0, done.stdout + done.stderr
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{label}: {seconds:.1f} s ({_processor() - used:.1f} s of processor), peak of all so far {peak:.0f} MB")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def board(bundle: Path, known: int, cache: Path) -> None:
    """`known` bundles that were scored before, and then one that was not."""
    data = load()
    began = time.monotonic()
    one = scored(folder_tree(bundle), "/".join(bundle.parts[-3:]), data)
    alone = time.monotonic() - began
    print(f"one bundle, in this process: {alone:.1f} s")
    submission, files = one.submission, {p: e.read() for p, e in folder_tree(bundle).items()}
    places = []
    for i in range(known):
        model = submission.model.model_copy(update={"repo": f"bench/known-{i}"})
        there: Submission = submission.model_copy(update={"model": model})
        fresh = seal_files({**files, "submission.json": facts_json(there)})
        folder = bundle.parents[2] / there.folder
        write(fresh, folder)
        places.append((folder, there.folder))
    keep(places, one.scores, data, cache)
    began = time.monotonic()
    for folder, where in places:
        scored(folder_tree(folder), where, data, cache)
    knew = time.monotonic() - began
    print(f"{known:,} known bundles: {knew:.1f} s")
    began = time.monotonic()
    scored(folder_tree(bundle), "/".join(bundle.parts[-3:]), data, cache)
    new = time.monotonic() - began
    print(
        f"one new bundle: {new:.1f} s; board in all {knew + new:.1f} s, which is {knew + new - alone:.1f} s above one"
    )


def keep(places: list[tuple[Path, str]], scores: list[dict], data, cache: Path) -> None:
    """Fill the cache as scoring each would (they hold the same replies, so the same scores)."""
    from persllm_bench.submissions.scores import cache_key
    from persllm_bench.submissions.validation import seal

    cache.mkdir(parents=True)
    text = json.dumps(scores)
    for folder, where in places:
        sealed = seal(folder_tree(folder), where, data)
        (cache / f"{cache_key(where, sealed.sha256, data)}.json").write_text(text)
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in cache.iterdir()}
    print(f"cache: {len(list(cache.iterdir()))} entries of {len(text):,} bytes, {len(digests)} distinct")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replies", type=int, default=20_000)
    parser.add_argument("--known", type=int, default=1_000)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        bundle = make(given.replies, Path(folder) / "submissions")
        timed("check", "check", str(bundle))
        timed("score (checks too)", "score", str(bundle), "--json")
        if given.known:
            board(bundle, given.known, Path(folder) / "cache")


if __name__ == "__main__":
    main()
