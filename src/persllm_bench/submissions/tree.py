"""A bundle as a mapping of paths to bytes, wherever it lies: in memory, in a folder, or in git without a checkout.

Nothing here follows a link, runs a filter or writes a file.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

MAX_ENTRIES = 500
"""A bundle has at most two files per task and condition; a listing stops well above that."""

Kind = Literal["file", "executable", "link", "submodule", "other"]


@dataclass(frozen=True)
class Entry:
    """One path. `size` is in bytes; `read` gives them and may only be called for a file."""

    kind: Kind
    size: int
    read: Callable[[], bytes]


Tree = Mapping[str, Entry]


def memory_tree(files: Mapping[str, bytes]) -> Tree:
    return {path: Entry("file", len(content), partial(bytes, content)) for path, content in files.items()}


def folder_tree(root: Path) -> Tree:
    """Everything below a folder but directories; a special file is listed and never opened. Stops after
    MAX_ENTRIES + 1."""
    found: dict[str, Entry] = {}
    for directory, folders, files in os.walk(root, followlinks=False):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(directory, name))]
        for name in sorted([*files, *links]):
            path = Path(directory, name)
            status = path.lstat()
            kind: Kind = "link" if stat.S_ISLNK(status.st_mode) else "file" if stat.S_ISREG(status.st_mode) else "other"
            found[path.relative_to(root).as_posix()] = Entry(kind, status.st_size, partial(_read, path, status.st_size))
            if len(found) > MAX_ENTRIES:
                return found
    return found


def _read(path: Path, size: int) -> bytes:
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        return file.read(size)


_KINDS: dict[str, Kind] = {"100644": "file", "100755": "executable", "120000": "link", "160000": "submodule"}


@dataclass(frozen=True)
class Git:
    """A repository, read through plumbing that neither checks out nor converts nor fetches."""

    repository: Path

    def run(self, *arguments: str) -> bytes:
        """Output of a git command.

        Raises:
            ValueError: git failed; with what it said.
        """
        environment = os.environ | {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
        done = subprocess.run(
            ["git", "--no-pager", "-C", str(self.repository), *arguments], capture_output=True, env=environment
        )
        if done.returncode:
            raise ValueError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def commit(self, revision: str) -> str:
        """The commit that a revision names. Raises ValueError where there is none."""
        found = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        return found.decode().strip()

    def tree(self, commit: str, folder: str = "") -> Tree:
        """Everything below `folder` at a commit; paths that are not UTF-8 keep their bytes as surrogates."""
        found: dict[str, Entry] = {}
        prefix = f"{folder}/" if folder else ""
        below = ("--", prefix) if folder else ()
        for row in self.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *below).split(b"\0")[:-1]:
            head, _, raw = row.partition(b"\t")
            mode, _, name, size = head.decode().split()
            path = raw.decode("utf-8", "surrogateescape").removeprefix(prefix)
            length = int(size) if size != "-" else 0
            found[path] = Entry(_KINDS.get(mode, "other"), length, partial(self.run, "cat-file", "blob", name))
        return found

    def names(self, commit: str, folder: str) -> list[str]:
        """Names directly below `folder` at a commit; none where it is not there."""
        found = self.run("ls-tree", "-z", "--name-only", "--full-tree", commit, "--", f"{folder}/").split(b"\0")[:-1]
        return [raw.decode("utf-8", "surrogateescape").rpartition("/")[2] for raw in found]

    def changed(self, base: str, head: str) -> list[tuple[str, str]]:
        """(status letter, path) of all that `head` changes since it left `base`; a rename is a deletion and an
        addition."""
        fork = self.run("merge-base", base, head).decode().strip()
        fields = self.run("diff-tree", "-r", "-z", "--no-renames", "--name-status", fork, head).split(b"\0")[:-1]
        return [
            (status.decode(), path.decode("utf-8", "surrogateescape"))
            for status, path in zip(fields[::2], fields[1::2], strict=True)
        ]
