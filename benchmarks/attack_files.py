"""Attacks on names, kinds, sizes and numbers of files."""

from __future__ import annotations

from dataclasses import replace

from attack_kinds import (
    BIDI,
    NAMES,
    TRAVERSAL,
    changed,
    kind,
)
from persllm_bench.submissions.tree import MAX_ENTRIES, Entry
from persllm_bench.submissions.validation import MANIFEST


@kind("file beside the bundle's", "files")
def _(a, rng):
    path = rng.choice(
        ["scores.json", "README.md", ".github/workflows/x.yml", ".gitattributes", "samples/x.py", "setup.py",
         "samples/profile/cache.db", "samples/profile/persllm_wisdom.jsonl.zst", "samples/persllm_knowledge.jsonl.zst",
         "submission.json.bak", "submission.json/x", "conftest.py"]
    )  # fmt: skip
    return changed(a, path, b"x", path)


@kind("path traversal in a file name", "files")
def _(a, rng):
    path = rng.choice(["", "samples/", "samples/profile/"]) + rng.choice(TRAVERSAL) + rng.choice(["", ".jsonl.zst"])
    return changed(a, path, b"x", "file-name")


@kind("odd characters in a file name", "files")
def _(a, rng):
    name = f"persllm_know{rng.choice(BIDI + NAMES)}ledge"
    path = f"samples/{rng.choice(['profile', 'pro' + rng.choice(BIDI) + 'file'])}/{name}.jsonl.zst"
    return changed(a, path, b"x", "file-name")


@kind("bytes that are no text in a file name", "files")
def _(a, rng):
    path = "samples/profile/" + bytes([rng.randint(128, 255)]).decode("utf-8", "surrogateescape") + ".jsonl.zst"
    raw = Entry("file", 1, lambda: b"x")
    return replace(a, special={path: raw}, names=("file-name",))


@kind("names that differ in case only", "files")
def _(a, rng):
    path = rng.choice(sorted(a.files))
    twin = rng.choice([path.upper(), path.title(), path.swapcase(), path[0].upper() + path[1:]])
    return changed(a, twin if twin != path else path.upper(), a.files[path], "file-name")


@kind("link, submodule, device or executable", "files")
def _(a, rng):
    path = rng.choice(sorted(a.files))
    what = rng.choice(["link", "submodule", "other", "executable"])
    return replace(a, special={path: Entry(what, 11, must_not_read)}, names=("kind",))


@kind("file of many gigabytes", "files")
def _(a, rng):
    path = rng.choice(sorted(a.files))
    return replace(
        a, special={path: Entry("file", rng.choice([10**9, 10**12, 65_000_000]), must_not_read)}, names=("size",)
    )


def must_not_read() -> bytes:
    raise AssertionError("read what must not be read")


@kind("file missing", "files")
def _(a, rng):
    path = rng.choice(sorted(a.files))
    return changed(a, path, None, path, fresh=path != MANIFEST and rng.random() < 0.5)


@kind("thousands of files", "files")
def _(a, rng):
    more = {f"samples/profile/{i}.jsonl.zst": b"" for i in range(MAX_ENTRIES + 1)}
    return replace(a, files={**a.files, **more}, names=("files",))
