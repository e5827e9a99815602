"""Attacks by a pull request: real git objects, names and modes that no working tree would take included."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from persllm_bench.submissions.pull import ROOT
from persllm_bench.submissions.validation import FACTS

WHO = {
    f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (("NAME", "x"), ("EMAIL", "x@x"))
}


class Repository:
    """A repository with a submission by somebody else on its base branch, and commits made without a work tree."""

    def __init__(self, folder: Path, where: str, files: dict[str, bytes]):
        self.folder, self.where, self.files = folder, where, files
        self.git("init", "-q", "-b", "main")
        self.theirs = "org__theirs/" + "0" * 40 + "/first"
        base = {"README.md": b"hello", "src/x.py": b"pass", f"{ROOT}/{self.theirs}/{FACTS}": b"{}"}
        self.base = self.commit([(path, "100644", raw) for path, raw in base.items()])

    def git(self, *arguments: str, given: bytes = b"", index: str = "index") -> str:
        environment = os.environ | WHO | {"GIT_INDEX_FILE": str(self.folder / index)}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], input=given, capture_output=True, check=True, env=environment
        )
        return done.stdout.decode().strip()

    def commit(self, changes: list[tuple[str, str, bytes | None]], parent: str = "") -> str:
        """A commit of (path, mode, content) on `parent`; content None removes the path."""
        (self.folder / "change").unlink(missing_ok=True)
        if parent:
            self.git("read-tree", parent, index="change")
        rows = b""
        for path, mode, raw in changes:
            name = self.git("hash-object", "-w", "--stdin", given=raw) if raw is not None else "0" * 40
            name = "1" * 40 if mode == "160000" else name
            rows += f"{mode if raw is not None else '0'} {name}\t".encode() + os.fsencode(path) + b"\0"
        self.git("update-index", "-z", "--index-info", given=rows, index="change")
        tree = self.git("write-tree", "--missing-ok", index="change")
        return self.git("commit-tree", tree, *(("-p", parent) if parent else ()), given=b"change")

    def submission(self) -> list[tuple[str, str, bytes | None]]:
        return [(f"{ROOT}/{self.where}/{path}", "100644", raw) for path, raw in self.files.items()]


Change = Callable[[Repository, random.Random], tuple[list, str]]


def _beside(repository: Repository, rng: random.Random) -> tuple[list, str]:
    path = rng.choice(
        [".github/workflows/submissions.yml", "src/persllm_bench/scoring/score.py", "tasks/personas/x/persona.yaml",
         "conftest.py", ".gitattributes", ".gitmodules", f"{ROOT}/verifications.jsonl", f"{ROOT}/x", f"{ROOT}/../x/y/z",
         f"{ROOT}/{repository.theirs}/samples/x", f"{ROOT}/{repository.where}x y/{FACTS}", "Submissions/a/b/c/d",
         "sub\u202emissions/x", "a\nb", f"{ROOT}/\u0430__b/{'0' * 40}/first/{FACTS}"]
    )  # fmt: skip
    path = path if ".." not in path else f"{ROOT}/..x/y/z/q"
    return [*repository.submission(), (path, "100644", b"x")], "pull request"


def _change_others(repository: Repository, rng: random.Random) -> tuple[list, str]:
    path = rng.choice(["README.md", "src/x.py", f"{ROOT}/{repository.theirs}/{FACTS}"])
    return [*repository.submission(), (path, "100644", rng.choice([None, b"mine"]))], path


def _case(repository: Repository, rng: random.Random) -> tuple[list, str]:
    twin = repository.theirs.replace("org__theirs", rng.choice(["Org__theirs", "org__Theirs", "ORG__THEIRS"]))
    return [(f"{ROOT}/{twin}/{path}", "100644", raw) for path, raw in repository.files.items()], "case"


def _mode(repository: Repository, rng: random.Random) -> tuple[list, str]:
    changes = repository.submission()
    at = rng.randrange(len(changes))
    path, _, raw = changes[at]
    changes[at] = (path, *rng.choice([("120000", b"../../../../README.md"), ("160000", b""), ("100755", raw)]))
    return changes, "kind"


def _name(repository: Repository, rng: random.Random) -> tuple[list, str]:
    odd = rng.choice(["a b", "\u202ex", "\u00e9", "x\ty", "-x", "x" * 200, "Samples/x", "%2e%2e", "\udcff"])
    return [*repository.submission(), (f"{ROOT}/{repository.where}/{odd}", "100644", b"x")], "file-name"


def _two(repository: Repository, rng: random.Random) -> tuple[list, str]:
    other = repository.where[:-1] + "0"
    more = [(f"{ROOT}/{other}/{path}", "100644", raw) for path, raw in repository.files.items()]
    return [*repository.submission(), *more], "exactly one submission"


PULLS: dict[str, Change] = {
    "workflow, code, data or another's file added beside": _beside,
    "another's file, or the code, changed or removed": _change_others,
    "folder that differs from another's in case only": _case,
    "link, submodule or executable in git": _mode,
    "odd file name in git": _name,
    "two submissions at once": _two,
}
