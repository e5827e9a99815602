"""What a pull request changes, read from git objects: one new submission and nothing else."""

from __future__ import annotations

import re

from persllm_bench.items import Data
from persllm_bench.submissions.bundle import Faults
from persllm_bench.submissions.record import FOLDER
from persllm_bench.submissions.tree import Git
from persllm_bench.submissions.validate import BadBundle, Bundle, validate

ROOT = "submissions"
_INSIDE = re.compile(rf"{ROOT}/([^/]+/[^/]+/[^/]+)/.+", re.DOTALL)


def check_pull(git: Git, head: str, base: str, data: Data) -> Bundle:
    """The submission that `head` adds to `base`. Nothing is checked out and nothing of `head` is run.

    Raises:
        BadBundle: it changes or removes a file, touches a path outside one new folder, collides with a name that is
            there, or its bundle has faults; all of it listed.
        ValueError: git does not know a revision, or the two have no common ancestor.
    """
    head, base = git.commit(head), git.commit(base)
    faults = Faults("pull request")
    folders: set[str] = set()
    for status, path in git.changed(base, head):
        inside = _INSIDE.fullmatch(path)
        if inside is None or not FOLDER.fullmatch(inside[1]):
            faults.add(path, "path", path, f"{ROOT}/<org>__<model>/<revision>/<run>/..., nothing else")
            continue
        folders.add(inside[1])
        if status != "A":
            faults.add(path, "change", {"M": "changed", "D": "removed"}.get(status, status), "new files only")
    if len(folders) != 1:
        faults.add("", "folders", ", ".join(sorted(folders)) or "none", "exactly one submission")
    for where in sorted(folders):
        _check_names(git, base, where, faults)
    if len(folders) == 1:
        (where,) = folders
        try:
            found = validate(git.tree(head, f"{ROOT}/{where}"), where, data)
        except BadBundle as error:
            raise BadBundle([*faults.all(), *error.faults]) from None
        if not faults.found:
            return found
    raise BadBundle(faults.all())


def _check_names(git: Git, base: str, where: str, faults: Faults) -> None:
    """The run is new, and no part of its path differs from one that is there in the case of letters only."""
    above, parts = ROOT, where.split("/")
    for part in parts:
        there = git.names(base, above)
        if twin := next((name for name in there if name != part and name.casefold() == part.casefold()), None):
            faults.add(f"{above}/{part}", "case", part, f"{twin}, which is there already, or another name")
        above = f"{above}/{part}"
        if part not in there:
            return
    faults.add(above, "exists", where, "a new folder: a submission is never changed; choose another run name")
