"""Shared fixtures: the shipped data and the shipped mini model, which is small enough to be the test model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from persllm_bench.items import Data
from persllm_bench.reader import load

ROOT = Path(__file__).resolve().parents[1]
MINI = ROOT / "reference_models" / "mini" / "model"


@pytest.fixture(scope="session")
def data() -> Data:
    return load()


@pytest.fixture(scope="session")
def mini() -> Path:
    assert (MINI / "model.safetensors").is_file(), "the mini model is part of the repository"
    return MINI
