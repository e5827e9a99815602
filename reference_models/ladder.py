"""The ladder: what each step of the PersLLM recipe buys on one backbone, every rung a submission.

    python -m reference_models.ladder --corpus DIR --work DIR

Trains the rungs that are missing, runs the benchmark on all, packs them, and prints the tables. What was done is not
done again; what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from reference_models import recipe, train_contrast, train_dpo, train_sft
from reference_models.data.export import export
from reference_models.ladder_table import table, tables
from reference_models.mini import config as configuration
from reference_models.mini import tune
from reference_models.recipe import HERE
from transformers import AutoModelForCausalLM

from persllm_bench import runner
from persllm_bench.drivers import Target
from persllm_bench.items import tasks_dir
from persllm_bench.prompts import Condition
from persllm_bench.reader import load
from persllm_bench.submissions import pack

BACKBONE, SHIPPED = HERE / "mini" / "backbone", HERE / "mini" / "model"
TRAIN = {"sft": train_sft.train, "dpo": train_dpo.train, "contrast": train_contrast.train}
LIKELIHOOD = [f"persllm-ll_{base}" for base in ("knowledge", "attitude", "premise", "identity", "traits")]
LETTERS = [name.replace("-ll", "") for name in LIKELIHOOD]
TASKS = [*LIKELIHOOD, *LETTERS, "persllm_open"]
LIVE = ["persllm_pressure", "persllm_dialogue"]
JOINT = "joint"
"""In place of a recipe's name: as `mini/config.yaml` says, by `mini.tune`."""
REASONING = 64
"""Tokens beside the reply for an analysis before it."""


@dataclass(frozen=True)
class Rung:
    name: str
    what: str
    recipe: str | None = None
    """None: not trained."""
    start: str | None = None
    """The rung whose model it goes on from, or that it is a control of; none: the backbone."""
    condition: Condition = "name"
    permute_names: bool = False
    """The control: who says what is dealt out at random."""
    live: bool = False
    """Also asked the live tasks, which take as long as all others together."""


RUNGS = (
    Rung("untrained-name", "untrained, told the name", live=True),
    Rung("untrained-dossier", "untrained, given the dossier", condition="profile", live=True),
    Rung("style", "SFT on manner only", "mini_style"),
    Rung("analysis", "+ analysis", "mini_analysis"),
    Rung("induced", "+ anti-induction", "mini_induced"),
    Rung("dpo", "+ automatic DPO", "mini_dpo", "induced"),
    Rung("contrast", "+ group contrast (ours)", "mini_contrast", "dpo", live=True),
    Rung("joint", "tuning and group contrast in one (the shipped model)", JOINT, live=True),
    Rung("permuted", "control: the same with names permuted", JOINT, "joint", permute_names=True),
)


def models(backbone: Path, corpus: Path, work: Path) -> dict[str, Path]:
    """The model folder of every rung, trained where it is missing."""
    general = work / "general.jsonl"
    work.mkdir(parents=True, exist_ok=True)
    if not general.exists():
        export(corpus, general)
    found: dict[str, Path] = {}
    for rung in RUNGS:
        found[rung.name] = work / "models" / rung.name
        if rung.recipe is None:
            found[rung.name] = backbone
        elif rung.recipe == JOINT:
            found[rung.name] = joint(backbone, corpus, found[rung.name], permute_names=rung.permute_names)
        else:
            start = found[rung.start] if rung.start else backbone
            config = recipe.load(HERE / "recipes" / f"{rung.recipe}.yaml", model__path=str(start))
            if config.general is not None:
                local = config.general.model_copy(update={"path": str(general)})
                config = config.model_copy(update={"general": local})
            TRAIN[config.stage](config, found[rung.name])
    return found


def joint(backbone: Path, corpus: Path, out: Path, *, permute_names: bool, seed: int | None = None) -> Path:
    """The model of `mini.tune` under `out`, made where it is missing; with a `seed` in place of the configuration's.
    What is shipped is taken as it is."""
    own = configuration.load()
    config = own if seed is None else own.model_copy(update={"seed": seed})
    if backbone == BACKBONE and not permute_names and config == own:
        return SHIPPED
    if not (out / "totals.json").exists():
        tune.train(corpus, tasks_dir(), config, backbone, out, permute_names=permute_names)
    return out / "model"


def run(rung: Rung, model: Path, work: Path) -> Path:
    """The run folder of a rung, on the personas with a train split; asked where replies are missing."""
    torch.set_num_threads(1)
    target = Target(str(model), "hf", "", 16, "cpu", {})
    slugs = sorted(slug for slug, persona in load().personas.items() if persona.train)
    folder = work / "runs" / rung.name
    tasks = TASKS + LIVE if rung.live else TASKS
    return runner.run(target, tasks, folder, conditions=[rung.condition], personas=slugs, reasoning=REASONING)[0]


def submit(rung: Rung, model: Path, folder: Path, work: Path) -> Path:
    """The rung as a submission, packed once: raw replies and facts."""
    data, rows = load(), pack.logged(folder)
    sha = rows[0].files_sha256 or ""
    parameters = sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(model).parameters())
    declared = pack.Declared.model_validate(
        {
            "model": {
                "repo": f"persllm-bench/mini-ladder-{rung.name}",
                "revision": sha[:40],
                "parameters": parameters,
                "dtype": "float32",
                "licence": "cc-by-sa-4.0",
                "open_weights": True,
            },
            "serving": {"backend": "hf"},
            "hardware": "one CPU core",
            "command": "python -m reference_models.ladder --corpus DIR --work DIR",
            "attempts": 1,
            "training_data": {
                "description": f"Public-domain novels, open dialogues; {rung.what}",
                "train_split": rung.recipe is not None,
                "test_items": "no",
            },
            "contact": "the maintainers of persllm-bench",
        }
    )
    where, files = pack.bundle(rows, declared, data, "ladder")
    if not (work / "submissions" / where).exists():
        pack.write(files, work / "submissions" / where)
    return work / "submissions" / where


def climb(backbone: Path, corpus: Path, work: Path) -> str:
    """Everything; returns the tables, which `work/ladder.md` and `work/ladder.json` keep too."""
    trained = models(backbone, corpus, work)
    folders = {}
    for rung in RUNGS:
        folders[rung.name] = run(rung, trained[rung.name], work)
        print(f"{rung.name}: {submit(rung, trained[rung.name], folders[rung.name], work)}", flush=True)
    text, figures = tables({r.name: (r.what, folders[r.name]) for r in RUNGS}, {r.name: r.start for r in RUNGS})
    hashes = [[r.what, str(runner.weights_sha256(str(trained[r.name])))[:16]] for r in RUNGS]
    text += (
        "\n"
        + table("Weights, tokenizer and configuration (first digits of their SHA-256)", ["rung", ""], hashes)
        + "\n"
    )
    (work / "ladder.md").write_text(text, encoding="utf-8")
    (work / "ladder.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", type=Path, default=BACKBONE, help="instead of the pretrained mini model")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of general text")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    print(climb(args.backbone, args.corpus, args.work))


if __name__ == "__main__":
    main()
