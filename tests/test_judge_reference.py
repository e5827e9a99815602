"""What the reference judge learns from: one planted error a reply, from the train splits, never from the gold set."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import yaml
from reference_models.judge import build
from reference_models.judge.planting import Planter, faithful
from reference_models.mini import material

from persllm_bench.items import Data
from persllm_bench.judging.rubric import AXES, parse_rating, sentences


@pytest.fixture(scope="module")
def config() -> build.JudgeConfig:
    text = (build.HERE / "config.yaml").read_text()
    return build.JudgeConfig.model_validate(yaml.safe_load(text)).model_copy(update={"examples": 60})


def test_one_sentence_is_changed_and_named(data: Data) -> None:
    _, voices = material.read(data.root)
    planter, made = Planter(voices, random.Random(0)), 0
    for voice in voices:
        for kind in AXES:
            c = voice.conversations[7]
            found = planter.plant(voice, c, kind)
            if found is None:
                continue
            before, after = sentences(faithful(c).reply), sentences(found.reply)
            assert len(before) == len(after)
            (error,) = found.rating.errors
            assert [i for i, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b] == [error.sentence]
            assert error.kind == kind
            assert [axis for axis, score in found.rating.scores.items() if score < 5] == [kind]
            made += 1
    assert made > 4 * len(voices)


def test_examples_are_seeded_readable_and_do_not_touch_items(data: Data, config, tmp_path: Path) -> None:
    for folder in ("personas",):
        shutil.copytree(data.root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("items"))
    first, again = (list(build.examples(*material.read(root), config)) for root in (data.root, tmp_path))
    assert first == again
    rated = [(s, answer) for s, answer in first if s.rated is not None]
    assert all(parse_rating(answer, s.rated) for s, answer in rated)
    assert {answer for s, answer in first if s.rated is None} == {"A", "B"}
    shares = sum('"errors": []' in answer for _, answer in rated) / len(rated)
    assert 0.2 < shares < 0.7


def test_unknown_settings_are_refused() -> None:
    settings = yaml.safe_load((build.HERE / "config.yaml").read_text())
    with pytest.raises(ValueError, match="Extra inputs"):
        build.JudgeConfig.model_validate({**settings, "epochs": 3})
