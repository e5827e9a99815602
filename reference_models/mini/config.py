"""The mini model's configuration: one YAML file, every key checked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

HERE = Path(__file__).resolve().parent
Source = Literal["novels", "self_dialogue", "persona_chat", "task_dialogue", "instructions"]
Kind = Literal["reply", "letter", "profile", "neutral", "general"]
Positive = Annotated[int, Field(gt=0)]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenizerConfig(Strict):
    vocab_size: Positive
    train_bytes: Positive


class ModelConfig(Strict):
    hidden_size: Positive
    intermediate_size: Positive
    num_hidden_layers: Positive
    num_attention_heads: Positive
    num_key_value_heads: Positive
    rope_theta: float
    max_position_embeddings: Positive


class Phase(Strict):
    sequence: Positive
    batch: Positive
    tokens: Positive

    @property
    def steps(self) -> int:
        return self.tokens // (self.sequence * self.batch)


class PretrainConfig(Strict):
    learning_rate: float
    final_learning_rate: float
    warmup_steps: Positive
    weight_decay: float
    grad_clip: float
    checkpoint_minutes: float
    phases: list[Phase]


class TuneConfig(Strict):
    learning_rate: float
    final_learning_rate: float
    warmup_steps: Positive
    weight_decay: float
    grad_clip: float
    checkpoint_minutes: float
    tokens_per_conversation: Positive
    noise: Annotated[float, Field(ge=0, lt=1)]
    batch_tokens: Positive
    contrast_share: Annotated[float, Field(ge=0, lt=1)]
    contrast_scale: float
    contrast_groups: Positive
    longest: Positive
    shares: dict[Kind, float]


class MiniConfig(Strict):
    seed: int
    threads: Positive
    tokenizer: TokenizerConfig
    model: ModelConfig
    mix: dict[Source, float]
    pretrain: PretrainConfig
    tune: TuneConfig


def load(path: Path = HERE / "config.yaml") -> MiniConfig:
    return MiniConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def digest(config: MiniConfig, *sections: str) -> str:
    """Twelve hex digits over the named sections: what a stage's output depends on."""
    dump = config.model_dump(mode="json")
    text = json.dumps({name: dump[name] for name in sections}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
