"""Attacks on compression and on the manifest."""

from __future__ import annotations

import gzip
import io
from functools import lru_cache

import zstandard

from attack_kinds import (
    any_samples,
    changed,
    compress,
    expand,
    kind,
    text_of,
)
from persllm_bench.submissions.validation import FACTS, MANIFEST


@lru_cache(maxsize=2)
def zeros(newlines: bool = False) -> bytes:
    """A zst of 1 GB of zeros, or of so many empty rows."""
    packer, out = zstandard.ZstdCompressor(level=1).compressobj(), io.BytesIO()
    for _ in range(1000):
        out.write(packer.compress((b"\n" if newlines else b"\0") * 1_000_000))
    return out.getvalue() + packer.flush()


@kind("bomb: 1 GB of zeros or of empty rows", "compression")
def _(a, rng):
    path = any_samples(a, rng)
    raw = zeros(rng.random() < 0.5) + (a.files[path] if rng.random() < 0.3 else b"")
    return changed(a, path, raw, "compression", "size", "json")


@kind("cut off", "compression")
def _(a, rng):
    path = any_samples(a, rng)
    return changed(a, path, a.files[path][: rng.randrange(len(a.files[path]))], "compression")


@kind("bytes flipped", "compression")
def _(a, rng):
    path = any_samples(a, rng)
    raw = bytearray(a.files[path])
    for at in rng.sample(range(len(raw)), rng.randint(1, 3)):
        raw[at] ^= rng.randint(1, 255)
    stale = rng.random() < 0.3
    return changed(a, path, bytes(raw), "compression", "hash", "json", "schema", "encoding", fresh=not stale)


@kind("second frame, or data beside the frame", "compression")
def _(a, rng):
    path = any_samples(a, rng)
    raw = a.files[path]
    skip = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    bad = rng.choice([raw + raw, raw + b"\0", raw + skip, skip + raw, raw + compress(b""), raw + rng.randbytes(9)])
    return changed(a, path, bad, "compression")


@kind("window of 2 GB", "compression")
def _(a, rng):
    path = any_samples(a, rng)
    body = b"\x01\x00\x00"
    window = rng.choice([0xA8, 0xB0, 0xF8, 0xFF])
    return changed(a, path, b"\x28\xb5\x2f\xfd\x00" + bytes([window]) + body, "compression")


@kind("not zstd", "compression")
def _(a, rng):
    path = any_samples(a, rng)
    text = zstandard.ZstdDecompressor().decompress(a.files[path])
    bad = rng.choice(
        [text, gzip.compress(text), b"", rng.randbytes(200), b"PK\x03\x04" + text, b"version https://git-lfs"]
    )
    return changed(a, path, bad, "compression")


@kind("a row of many megabytes", "compression")
def _(a, rng):
    path = any_samples(a, rng)
    rows = expand(a.files[path])
    rows[0]["error"] = "x" * 3_000_000
    return changed(a, path, compress(text_of(rows)), "compression")


@kind("replies edited, manifest left", "manifest")
def _(a, rng):
    path = any_samples(a, rng, "quick_")
    rows = expand(a.files[path])
    for row in rng.sample(rows, min(len(rows), rng.randint(1, 9))):
        row["reply"] = rng.choice("ABCD")
    return changed(a, path, compress(text_of(rows)), "hash", fresh=False)


@kind("facts edited, manifest left", "manifest")
def _(a, rng):
    raw = a.files[FACTS].replace(b'"attempts": 1', f'"attempts": {rng.randint(2, 99)}'.encode())
    return changed(a, FACTS, raw, "hash", fresh=False)


@kind("manifest edited", "manifest")
def _(a, rng):
    lines = a.files[MANIFEST].decode().splitlines(keepends=True)
    at = rng.randrange(len(lines))
    digest, _, path = lines[at].partition("  ")
    bad = rng.choice(
        [f"{rng.randbytes(32).hex()}  {path}", "", f"{digest.upper()}A  {path}", f"{digest} *{path}", lines[at] * 2,
         f"{digest}  {path.strip()}\r\n", f"{digest}  ../{path}", f"{lines[at]}{digest}  extra.txt\n", f"\n{lines[at]}",
         f"{lines[at]}# comment\n", f"{digest}  {path.strip()}\x00\n", f"{digest}  {path.strip()} \u202e\n"]
    )  # fmt: skip
    lines[at] = bad
    return changed(a, MANIFEST, "".join(lines).encode(), "manifest", "hash", fresh=False)


@kind("manifest in another order", "manifest")
def _(a, rng):
    lines = a.files[MANIFEST].decode().splitlines(keepends=True)
    rng.shuffle(lines)
    raw = "".join(lines).encode()
    raw = raw if raw != a.files[MANIFEST] else "".join(reversed(lines)).encode()
    return changed(a, MANIFEST, raw, "manifest", fresh=False)


@kind("no manifest, or none that is text", "manifest")
def _(a, rng):
    return changed(a, MANIFEST, rng.choice([None, b"", b"\xff\xfe", b"\0" * 500]), MANIFEST, fresh=False)
