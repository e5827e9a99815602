"""Is this a bundle? Every violation at once, each with path, value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from persllm_bench.items import Data
from persllm_bench.prompts import CONDITIONS, Condition
from persllm_bench.reader import Fault
from persllm_bench.scoring import Reply, TaskScore, score
from persllm_bench.scoring.score import ReplyMismatch, asked, join
from persllm_bench.submissions import bundle as read
from persllm_bench.submissions.bundle import Faults
from persllm_bench.submissions.record import FOLDER, Submission
from persllm_bench.submissions.tree import MAX_ENTRIES, Tree
from persllm_bench.suite import TASKS, task

FACTS, MANIFEST = "submission.json", "MANIFEST.sha256"
FILES = frozenset(
    {FACTS, MANIFEST, *(f"samples/{condition}/{name}.jsonl.zst" for condition in CONDITIONS for name in TASKS)}
)
"""Every path that a bundle may have; there are no free names in it."""
_MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


@dataclass(frozen=True)
class Sealed:
    """A bundle whose files are those of its manifest and whose facts are in order; its replies are not read yet."""

    where: str
    submission: Submission
    files: dict[str, bytes]

    @cached_property
    def sha256(self) -> str:
        """Hash of the whole content."""
        return read.content_sha256(self.files)


@dataclass(frozen=True)
class Bundle:
    """A bundle without a fault: its replies answer the samples that must be there, with this version's prompts."""

    where: str
    submission: Submission
    sha256: str
    replies: dict[tuple[Condition, str], tuple[Reply, ...]]

    def score(self, data: Data) -> list[TaskScore]:
        """Every task under every condition, scored from the replies."""
        return [
            score(name, data, rows, condition, self.submission.conditions[condition].personas)
            for (condition, name), rows in self.replies.items()
        ]


class BadBundle(ValueError):
    """A bundle that breaks its rules; `faults` has every violation."""

    def __init__(self, faults: Sequence[Fault]):
        self.faults = list(faults)
        super().__init__(f"{len(faults)} fault(s) in the submission:\n" + "\n".join(map(str, faults)))


def validate(tree: Tree, where: str, data: Data) -> Bundle:
    """The bundle in `tree`, which lies at `where` (`<org>__<model>/<revision>/<run>`).

    Raises:
        BadBundle: with every fault that can be told at once: names, kinds and sizes of files, manifest, facts, rows,
            and whether the replies are those of the samples.
    """
    faults = Faults(where)
    sealed = _seal(tree, where, data, faults)
    replies = {} if sealed is None else _replies(sealed.files, sealed.submission, data, faults)
    if sealed is None or faults.found:
        raise BadBundle(faults.all())
    return Bundle(where, sealed.submission, sealed.sha256, replies)


def seal(tree: Tree, where: str, data: Data) -> Sealed:
    """As `validate`, without a look at the replies: for bundles whose replies were validated before."""
    faults = Faults(where)
    sealed = _seal(tree, where, data, faults)
    if sealed is None or faults.found:
        raise BadBundle(faults.all())
    return sealed


def _seal(tree: Tree, where: str, data: Data, faults: Faults) -> Sealed | None:
    if not FOLDER.fullmatch(where):
        faults.add("", "folder", where, "<org>__<model>/<40-hex revision>/<run>, of the names in submission.json")
    if len(tree) > MAX_ENTRIES:
        faults.add("", "files", f"more than {MAX_ENTRIES}", "the files of a bundle")
        return None
    files: dict[str, bytes] = {}
    for path in sorted(tree):
        if path not in FILES:
            faults.add(path, "file-name", path, f"{FACTS}, {MANIFEST}, samples/<condition>/<task>.jsonl.zst")
            continue
        limit = read.MAX_FILE if path.endswith(".zst") else read.MAX_JSON
        if (raw := read.content(tree[path], path, limit, faults)) is not None:
            files[path] = raw
    for path in (FACTS, MANIFEST):
        if path not in tree:
            faults.add(path, "file-exists", "no such file", "every bundle has one")
    if MANIFEST in files:
        _check_manifest(files, faults)
    submission = read.record(Submission, files[FACTS], FACTS, faults) if FACTS in files else None
    if submission is None:
        return None
    _check_facts(submission, where, files, data, faults)
    return Sealed(where, submission, files)


def _check_manifest(files: dict[str, bytes], faults: Faults) -> None:
    told: dict[str, str] = {}
    written = read.text(files[MANIFEST], MANIFEST, faults)
    if written is None:
        return
    real = read.manifest({path: raw for path, raw in files.items() if path != MANIFEST})
    hashes = {path: digest for digest, path in (line.split("  ") for line in real.splitlines())}
    for number, line in enumerate(written.split("\n")[:-1], 1):
        if not (match := _MANIFEST_LINE.fullmatch(line)) or match[2] in told:
            faults.add(MANIFEST, "manifest-line", line, "'<sha256>  <path>', each path once", number)
            continue
        told[match[2]] = match[1]
        if match[2] not in hashes:
            faults.add(MANIFEST, "manifest-file", match[2], "files that are in the bundle", number)
    for path, digest in hashes.items():
        if told.get(path) != digest:
            faults.add(path, "hash", told.get(path, "not in the manifest"), f"{digest} in {MANIFEST}")
    if written != real:
        faults.add(MANIFEST, "manifest", f"{len(told)} lines", "one line for each file, sorted by path, nothing else")


def _check_facts(submission: Submission, where: str, files: dict[str, bytes], data: Data, faults: Faults) -> None:
    if submission.folder != where:
        faults.add(FACTS, "folder", where, f"{submission.folder}, as model.repo, model.revision and run say")
    if submission.data_sha256 != data.sha256:
        faults.add(FACTS, "data_sha256", submission.data_sha256, f"{data.sha256}, the data of this version")
    for path in submission.files:
        if path not in files:
            faults.add(path, "file-exists", "no such file", "the replies to every task that submission.json names")
    for path in files:
        if path.endswith(".zst") and path not in submission.files:
            faults.add(path, "file-named", path, "replies to tasks that submission.json names")
    for condition, part in submission.conditions.items():
        if unknown := [slug for slug in part.personas if slug not in data.personas]:
            faults.add(FACTS, f"conditions.{condition}.personas", unknown[0], ", ".join(data.personas))


def _replies(
    files: dict[str, bytes], submission: Submission, data: Data, faults: Faults
) -> dict[tuple[Condition, str], tuple[Reply, ...]]:
    found: dict[tuple[Condition, str], tuple[Reply, ...]] = {}
    left = read.MAX_EXPANDED
    for path, (condition, name) in submission.files.items():
        if path not in files:
            continue
        before = len(faults.found)
        numbered, used = read.rows(files[path], path, left, faults)
        left -= used
        for number, row in numbered.items():
            _check_row(row, path, number, condition, name, faults)
        rows = tuple(numbered.values())
        if len(faults.found) > before or submission.data_sha256 != data.sha256:
            continue
        try:
            personas = submission.conditions[condition].personas
            for sample, row in join(asked(task(name), data, rows, condition, personas), rows):
                if (row.persona, row.item, row.stage, row.variant) != (
                    sample.persona, sample.item, sample.stage, sample.variant
                ):  # fmt: skip
                    faults.add(path, "row", row.sample_id, f"the names of the sample {sample.id}")
        except ReplyMismatch as error:
            for line in error.faults:
                rule, _, value = line.partition(": ")
                faults.add(path, rule, value, "each sample of this version's task once, with its prompt's hash")
        except ValueError as error:
            faults.add(path, "personas", ", ".join(personas), str(error))
        found[condition, name] = rows
    return found


def _check_row(row: Reply, path: str, number: int, condition: Condition, name: str, faults: Faults) -> None:
    likelihood = task(name).kind == "likelihood"
    for rule, value, allowed, good in (
        ("condition", row.condition, condition, row.condition == condition),
        ("task", row.task, task(name).base, row.task == task(name).base),
        ("messages", row.messages, "none: they follow from the data", not row.messages),
        ("loglikelihoods", row.loglikelihoods, "in likelihood tasks only", likelihood or row.loglikelihoods is None),
        ("reply", row.reply, "none in likelihood tasks", not likelihood or row.reply is None),
    ):
        if not good:
            faults.add(path, rule, value, allowed, number)
