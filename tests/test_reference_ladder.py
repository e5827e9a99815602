"""The ladder: rungs differ in what they say that they differ in, and each is a submission."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
torch.set_num_threads(1)

from reference_models import ladder, ladder_table, recipe, train_contrast  # noqa: E402
from reference_models.data import groups, records  # noqa: E402
from reference_models.mini import contrast, material  # noqa: E402
from reference_models.recipe import Personified  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from persllm_bench.items import tasks_dir  # noqa: E402
from persllm_bench.reader import load  # noqa: E402
from persllm_bench.scoring import Reply, TaskScore, score  # noqa: E402
from persllm_bench.scoring.keys import right_choices  # noqa: E402
from persllm_bench.scoring.record import LogLikelihoods  # noqa: E402
from persllm_bench.submissions import folder_tree, validate  # noqa: E402
from persllm_bench.suite import task  # noqa: E402

MINI = ROOT / "reference_models" / "mini" / "model"


def recipe_of(rung: ladder.Rung) -> recipe.Recipe:
    return recipe.load(recipe.HERE / "recipes" / f"{rung.recipe}.yaml")


def test_rungs_of_tuning_differ_in_their_data_only() -> None:
    own = [r for r in ladder.RUNGS if r.recipe not in (None, ladder.JOINT)]
    tuned = [found.model_dump() for found in map(recipe_of, own) if found.stage == "sft"]
    assert len(tuned) == 3
    data = [found.pop("data") for found in tuned]
    assert all(found == tuned[0] for found in tuned), "steps, rates and mix must not confound the steps of the recipe"
    style, analysis, induced = data
    assert analysis == style | {"analysis": 0.5}
    assert induced == analysis | {"kinds": ["question", "opinion", "induced"]}


def test_a_rung_goes_on_from_one_before_it() -> None:
    names = [r.name for r in ladder.RUNGS]
    for i, rung in enumerate(ladder.RUNGS):
        assert rung.start is None or rung.start in names[:i]


def test_the_control_says_the_same_words_under_other_names() -> None:
    _, voices = material.read(tasks_dir())
    dealt = material.permuted(voices, 7)
    assert dealt == material.permuted(voices, 7)
    for what in ("conversations", "speech"):
        before, after = ([one for v in found for one in getattr(v, what)] for found in (voices, dealt))
        assert sorted(map(repr, before)) == sorted(map(repr, after))
        assert [len(getattr(v, what)) for v in voices] == [len(getattr(v, what)) for v in dealt]
    own = sum(material.speaker(c) == (v.persona.slug, v.stage) for v in dealt for c in v.conversations)
    said = sum(len(v.conversations) for v in voices)
    assert own < 1.5 * said / len(voices), "a speaker keeps no more than chance gives"


def answered(base: str, right: bool) -> TaskScore:
    """All samples of the likelihood twin, with the right options likelier than the others, or less likely."""
    data = load()
    slugs = sorted(slug for slug, persona in data.personas.items() if persona.train)
    replies = []
    for sample in task(f"persllm-ll_{base}").samples(data, "name", slugs):
        good = right_choices(data, sample)
        given = [-1.0 if (choice in good) == right else -9.0 for choice in sample.choices]
        sums = LogLikelihoods(given=given, baseline=[-5.0] * len(given))
        replies.append(Reply.to(sample, "name", loglikelihoods=sums))
    return score(f"persllm-ll_{base}", data, replies, "name", slugs)


def test_a_difference_is_of_accuracies_on_the_same_samples() -> None:
    data = load()
    bad, good = ({f"persllm-ll_{b}": answered(b, right) for b in ladder_table.ALL[:4]} for right in (False, True))
    found = ladder_table.difference(data, [bad], [good], ladder_table.BASES)
    assert found.estimate == pytest.approx(100)
    assert ladder_table.difference(data, [good], [good], ladder_table.BASES).estimate == 0
    assert ladder_table.difference(data, [good], [bad], ["identity"]).estimate == pytest.approx(-200)
    mixed = {**bad, "persllm-ll_attitude": good["persllm-ll_attitude"]}
    part = ladder_table.difference(data, [bad], [mixed], ladder_table.BASES)
    assert 0 < part.low < part.estimate < part.high < 100
    seeds = ladder_table.difference(data, [bad], [good, bad], ladder_table.BASES)
    assert seeds.estimate == pytest.approx(50), "runs of one thing count by their mean"


def test_a_rung_becomes_a_submission_that_passes_its_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "TASKS", ["persllm-ll_identity"])
    rung = ladder.Rung("tiny", "a test", "mini_style")
    folder = ladder.run(rung, MINI, tmp_path)
    packed = ladder.submit(rung, MINI, folder, tmp_path)
    bundle = validate(folder_tree(packed), "/".join(packed.parts[-3:]), load())
    assert bundle.submission.training_data.train_split
    assert sum(map(len, bundle.replies.values())) == 48
    assert ladder.submit(rung, MINI, folder, tmp_path) == packed, "packed once"


def test_contrast_prefers_what_acc_pmi_prefers() -> None:
    """The loss falls when a reply gains on its own context and not on the others."""
    words = AutoTokenizer.from_pretrained(MINI)
    model = AutoModelForCausalLM.from_pretrained(MINI, dtype=torch.float32)
    train = records.split(Personified(), 7).train
    source = groups.groups(train, 2, words, random.Random(7))
    group = next(source)
    assert len(group.contexts) == 6
    assert group.owners == [0, 0, 1, 1, 2, 2, 3, 3]
    packed = contrast.pack(group)
    rate = [p.requires_grad_() for p in model.parameters()]
    optimizer = torch.optim.SGD(rate, lr=0.002)
    losses = []
    for _ in range(3):
        loss = train_contrast.loss_of(model, packed, 0.3)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[0] > losses[1] > losses[2]
    with torch.no_grad():
        whole = contrast.log_likelihoods(model, packed)
        alone = contrast.Group(group.contexts[:1], group.replies[1:2], [0])
        single = contrast.log_likelihoods(model, contrast.pack(alone))
    at = packed.reply_of == 1
    assert torch.allclose(whole[0, at], single[0], atol=1e-3), "a reply must not see the replies beside it"
