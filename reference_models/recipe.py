"""A training run's recipe: one YAML file, every key checked. Defaults are those of PersLLM (arXiv 2407.12393)."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from persllm_bench.runner import weights_sha256

HERE = Path(__file__).resolve().parent
Kind = Literal["question", "opinion", "induced"]
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class RecipeError(ValueError):
    """A recipe, or what it names, cannot be used: each line is path, key, value and what is allowed."""


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Backbone(Strict):
    path: str
    """Model folder or hub name."""
    revision: str | None = None
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of the weights; with float32 the steps themselves are in bf16 (autocast)."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"


class Lora(Strict):
    r: Positive = 16
    alpha: Positive = 32
    dropout: Share = 0.05
    targets: Literal["all-linear"] | list[str] = "all-linear"


class General(Strict):
    """General instruction data; rows have `messages`, or the columns that `prompt` and `answer` name."""

    path: str
    """A JSONL file, a folder of them, or a data set of the hub."""
    split: str = "train"
    prompt: str | None = None
    answer: str | None = None
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Of the examples."""
    nobody: bool = True
    """Rows without a system message get the benchmark's message that names no person, so that whom it names matters."""

    @model_validator(mode="after")
    def _both(self) -> General:
        if (self.prompt is None) != (self.answer is None):
            raise ValueError("prompt and answer name columns together: both, or none for a column of messages")
        return self


class Personified(Strict):
    """Which conversations of the packs' train splits are learned, and how they are put."""

    tasks: str | None = None
    """Folder of the packs; none: the checkout's."""
    kinds: Annotated[list[Kind], Field(min_length=1)] = ["question", "opinion", "induced"]
    analysis: Share = 0.5
    """Share of the examples whose reply comes after its analysis; the benchmark also asks for bare replies."""
    analysis_form: Literal["think", "brackets"] = "think"
    """`<think>analysis</think>` before the reply, or PersLLM's `[Analysis] ... [Response] ...`."""
    speech: bool = True
    """Also what the person says unasked (`speech.jsonl`)."""
    repeat: Positive = 5
    stage_tokens: bool = False
    """Put the stage as a special token at the end of the system message in half of the examples. The benchmark asks
    without it: the other half ties the same replies to the stage's label, which stands in every system message."""
    permute_names: bool = False
    """Control: who is speaking, and at which stage, is dealt out at random over the conversations."""
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.2
    near_duplicate: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Of two questions of a voice that are this alike or more (cosine of TF-IDF) the second is left out."""


class Preference(Strict):
    """Automatic pairs: rejected is the reply to a similar question by another person or at the other stage."""

    pairs_per_conversation: Positive = 2
    other_stage: Share = 0.5
    """Share of the pairs whose rejected reply is the same person's at the other stage."""
    opening: Share = 0.0
    """Share of the pairs cut to their first sentences, the length of the benchmark's options."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    loss: list[Literal["sigmoid", "ipo", "sft", "sigmoid_norm"]] = ["sigmoid"]
    weights: list[float] | None = None

    @model_validator(mode="after")
    def _weighted(self) -> Preference:
        if self.weights is not None and len(self.weights) != len(self.loss):
            raise ValueError(f"{len(self.weights)} weights for {len(self.loss)} losses")
        return self


class Contrast(Strict):
    """Our addition: in a group every reply must be likelier under its own context than under the others."""

    scale: Annotated[float, Field(gt=0)] = 0.3
    """Of log-likelihoods in the choice; lower keeps easy choices teaching for longer."""
    replies: Positive = 2
    """Per context: its reply's first sentences, and others drawn from what it rests on."""
    groups: Positive = 2
    """Per step."""


class Training(Strict):
    batch: Positive = 16
    """Examples per step over all devices; `micro_batch` of them at once on each."""
    micro_batch: Positive = 16
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    max_length: Positive = 3000
    steps: Positive | None = None
    """None: every example once."""
    grad_clip: Annotated[float, Field(gt=0)] = 1.0
    checkpoint_steps: Positive = 200
    gradient_checkpointing: bool = True
    threads: Positive | None = None


class Recipe(Strict):
    stage: Literal["sft", "dpo", "contrast"]
    seed: int = 7
    model: Backbone
    lora: Lora | None = None
    data: Personified = Personified()
    general: General | None = None
    preference: Preference | None = None
    contrast: Contrast | None = None
    train: Training = Training()

    @model_validator(mode="after")
    def _sections(self) -> Recipe:
        for section, stage in (("preference", "dpo"), ("contrast", "contrast")):
            if (self.stage == stage) != (getattr(self, section) is not None):
                raise ValueError(f"{section} belongs to stage {stage}, and to no other")
        if self.stage != "sft" and self.general is not None:
            raise ValueError("general belongs to stage sft: the others learn of persons only")
        if self.stage == "contrast" and (self.lora is not None or self.train.steps is None):
            raise ValueError("stage contrast takes no lora, and needs train.steps: its groups have no end")
        return self

    def digest(self, examples: object) -> str:
        """What a run makes follows from this: the recipe, the model that it starts from, and its examples. Where these
        lie does not matter: a start is known by the digest that it was made with, else by its weights; on a hub by its
        name."""
        settings = self.model_dump(mode="json", exclude_defaults=True)
        told = Path(self.model.path) / "recipe.json"
        if told.is_file():
            settings["model"]["path"] = json.loads(told.read_text(encoding="utf-8"))["digest"]
        elif weights := weights_sha256(self.model.path):
            settings["model"]["path"] = weights
        for section, name in (("general", "path"), ("data", "tasks")):
            settings.get(section, {}).pop(name, None)
        text = json.dumps([settings, examples], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def shown(self) -> dict[str, Any]:
        """As a dump, with the last part of local paths only."""
        dump = self.model_dump(mode="json")
        for section, name in (("model", "path"), ("general", "path"), ("data", "tasks")):
            found = (dump[section] or {}).get(name)
            if found and Path(found).exists():
                dump[section][name] = Path(found).name
        return dump


def parse(found: object, where: str = "recipe") -> Recipe:
    """Raises RecipeError: a line per fault."""
    try:
        return Recipe.model_validate(found)
    except ValidationError as error:
        raise RecipeError("\n".join(lines_of(error, where, Recipe))) from None


def load(path: Path, **changes: object) -> Recipe:
    """The recipe in a YAML file; `changes` replace keys by their dotted path written with `__` (`model__path`).

    Raises:
        RecipeError: no such file, no YAML, unknown keys, values that are not allowed; a line per fault.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: {error}") from None
    for dotted, value in changes.items():
        *parents, last = dotted.split("__")
        place = found
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    return parse(found, str(path))


def command(doc: str | None, train: Callable[[Recipe, Path], None], *, general: bool = False) -> None:
    """The command line of a training stage."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    for section in ("model", "general") if general else ("model",):
        parser.add_argument(
            f"--{section}",
            dest=f"{section}__path",
            default=argparse.SUPPRESS,
            metavar="PATH",
            help=f"instead of the recipe's {section}.path",
        )
    given = vars(parser.parse_args())
    try:
        recipe, out = given.pop("recipe"), given.pop("out")
        train(load(recipe, **given), out)
    except RecipeError as error:
        sys.exit(str(error))


def lines_of(error: ValidationError, where: str, kind: type[Strict]) -> list[str]:
    """A line per fault: file, key, value and what is allowed."""
    lines = []
    for fault in error.errors():
        key = ".".join(map(str, fault["loc"])) or "(the whole)"
        allowed = fault["msg"]
        if fault["type"] == "extra_forbidden":
            allowed = f"unknown key; allowed are {', '.join(_section(kind, fault['loc'][:-1]).model_fields)}"
        lines.append(f"{where}: {key}: {json.dumps(fault['input'], default=str)[:200]}: {allowed}")
    return lines


def _section(kind: type[Strict], loc: tuple[int | str, ...]) -> type[Strict]:
    """The model that holds the keys at `loc`."""
    for name in loc:
        found = kind.model_fields[str(name)].annotation
        kind = next(k for k in (found, *get_args(found)) if isinstance(k, type) and issubclass(k, Strict))
    return kind
