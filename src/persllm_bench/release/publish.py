"""Writes the data set as a folder that `datasets.load_dataset` reads, and pushes that folder to a hub."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
import yaml
from huggingface_hub import CommitOperationAdd, HfApi

from persllm_bench.items import Data
from persllm_bench.release.croissant import metadata
from persllm_bench.release.tables import tables

HUB = "https://huggingface.co/datasets"


def export(data: Data, folder: Path, *, repo: str = "persllm-bench/persllm-bench", published: str = "") -> list[Path]:
    """Write `data/<table>.parquet`, `README.md` (the data card), `BASELINES.md`, `croissant.json`; returns their paths.

    Raises:
        FileExistsError: the folder has files in it already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name a new folder")
    (folder / "data").mkdir(parents=True)
    found, hashes = tables(data), {}
    for name, table in found.items():
        path = folder / "data" / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd")
        hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    card = metadata(
        found,
        hashes,
        url=f"{HUB}/{repo}",
        version=version("persllm-bench"),
        published=published or date.today().isoformat(),
    )
    (folder / "croissant.json").write_text(json.dumps(card, indent=2) + "\n")
    (folder / "README.md").write_text(_front_matter(list(found)) + (data.root / "README.md").read_text())
    if (data.root / "BASELINES.md").is_file():
        (folder / "BASELINES.md").write_text((data.root / "BASELINES.md").read_text())
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _front_matter(names: list[str]) -> str:
    """What the hub and `datasets` read: one configuration per table, all of them test data but the train split."""
    front = {
        "license": "cc-by-4.0",
        "language": ["en"],
        "pretty_name": "persllm-bench",
        "tags": ["persona", "role-play", "personality", "benchmark"],
        "configs": [
            {
                "config_name": name,
                "data_files": [{"split": "train" if name == "train" else "test", "path": f"data/{name}.parquet"}],
            }
            for name in names
        ],
    }
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n"


def push(
    folder: Path, repo: str, *, token: str | None = None, endpoint: str | None = None, private: bool = False
) -> str:
    """One commit with every file of `folder` to the data set `repo`, which is made if it is not there; its address.

    Raises:
        huggingface_hub.errors.HfHubHTTPError: the hub refuses (no token, no right to write, no such organisation).
    """
    api = HfApi(endpoint=endpoint, token=token)
    api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
    operations = [
        CommitOperationAdd(path.relative_to(folder).as_posix(), path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    message = f"persllm-bench {version('persllm-bench')}"
    commit = api.create_commit(repo, operations, commit_message=message, repo_type="dataset")
    return str(commit.commit_url)
