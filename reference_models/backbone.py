"""The model and tokenizer that a recipe names, ready for training, and how a trained one is written down."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from reference_models.card import card
from reference_models.data.records import STAGE_TOKENS
from reference_models.mini.loop import DEVICE, multiplies_bf16
from reference_models.recipe import Recipe, RecipeError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint

STAGE_WORDS = {"early": "in the early years of life", "late": "in the late years of life"}


def load(recipe: Recipe) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Raises RecipeError: no model there, or a tokenizer without a chat template."""
    named = recipe.model
    try:
        words = AutoTokenizer.from_pretrained(named.path, revision=named.revision)
        if not words.chat_template:
            raise RecipeError(
                f"model.path: {named.path}: its tokenizer has no chat template: allowed are models whose tokenizer has "
                "one, since the benchmark asks through it"
            )
        model = AutoModelForCausalLM.from_pretrained(
            named.path,
            revision=named.revision,
            dtype=named.dtype if named.dtype == "auto" else getattr(torch, named.dtype),
            attn_implementation=named.attention,
        )
    except (OSError, ValueError) as error:
        if isinstance(error, RecipeError):
            raise
        raise RecipeError(f"model.path: {named.path}: cannot be loaded: {error}") from error
    if recipe.data.stage_tokens:
        add_stage_tokens(model, words)
    return model, words


def add_stage_tokens(model: PreTrainedModel, words: PreTrainedTokenizerBase) -> None:
    """Each new row of the embeddings starts at the mean of those of its description; a model that has the tokens stays
    as it is. Under LoRA the rows stay there: trl computes the loss from the output weights past any adapter on them."""
    means = {stage: words(text, add_special_tokens=False)["input_ids"] for stage, text in STAGE_WORDS.items()}
    if not words.add_special_tokens({"additional_special_tokens": list(STAGE_TOKENS.values())}, False):
        return
    if len(words) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(words), mean_resizing=False)
    with torch.no_grad():
        for rows in (model.get_input_embeddings().weight, model.get_output_embeddings().weight):
            for stage, token in STAGE_TOKENS.items():
                rows[words.convert_tokens_to_ids(token)] = rows[means[stage]].mean(0)


def adapter(recipe: Recipe) -> LoraConfig | None:
    """LoRA on the named modules."""
    if recipe.lora is None:
        return None
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=recipe.lora.targets,
    )


def arguments(recipe: Recipe, work: Path, devices: int) -> dict[str, Any]:
    """What SFTConfig and DPOConfig have in common; sets the number of threads.

    Raises:
        RecipeError: the batch is no whole number of micro batches on so many devices.
    """
    t = recipe.train
    at_once = t.micro_batch * devices
    if t.batch % at_once:
        raise RecipeError(
            f"train.batch: {t.batch}: allowed are multiples of micro_batch x devices = {t.micro_batch} x {devices}"
        )
    if t.threads:
        torch.set_num_threads(t.threads)
    on_cpu = DEVICE == "cpu"
    return {
        "output_dir": str(work / "checkpoints"),
        "per_device_train_batch_size": t.micro_batch,
        "gradient_accumulation_steps": t.batch // at_once,
        "learning_rate": t.learning_rate,
        "lr_scheduler_type": t.schedule,
        "warmup_steps": t.warmup_steps,
        "weight_decay": t.weight_decay,
        "max_grad_norm": t.grad_clip,
        "max_length": t.max_length,
        "max_steps": t.steps or -1,
        "num_train_epochs": 1,
        "save_steps": t.checkpoint_steps,
        "save_total_limit": 1,
        "logging_steps": 20,
        "gradient_checkpointing": t.gradient_checkpointing,
        "bf16": multiplies_bf16(),
        "use_cpu": on_cpu,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "report_to": "none",
        "dataloader_pin_memory": not on_cpu,
        "disable_tqdm": True,
    }


def fitting(
    rows: list[dict[str, Any]], words: PreTrainedTokenizerBase, recipe: Recipe, required: int
) -> list[dict[str, Any]]:
    """The rows whose prompt leaves room for a reply in `train.max_length`; trl would drop the others silently.

    Raises:
        RecipeError: a prompt of one of the first `required` rows leaves none: those are of the persons.
    """
    limit = recipe.train.max_length
    kept = []
    for number, row in enumerate(rows):
        text = words.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        length = len(words(text)["input_ids"]) if len(text.encode()) >= limit else 0
        if length < limit:
            kept.append(row)
        elif number < required:
            raise RecipeError(f"train.max_length: {limit}: a prompt has {length} tokens: allowed are longer limits")
    return kept


def finished(digest: str, out: Path) -> bool:
    """Whether `out` holds what is to be made.

    Raises:
        RecipeError: it holds something else.
    """
    if not out.exists():
        return False
    told = out / "recipe.json"
    if told.is_file() and json.loads(told.read_text(encoding="utf-8")).get("digest") == digest:
        return True
    raise RecipeError(f"--out: {out}: holds something else already: allowed is a new folder, or this recipe's own")


def workplace(digest: str, out: Path) -> Path:
    """Where checkpoints lie until `out` is whole."""
    return out.with_name(f"{out.name}.part-{digest}")


def put(whole: Path, out: Path, recipe: Recipe, digest: str, **told: Any) -> None:
    """The finished model at `out`, with its card and how it was made in `recipe.json`; its workplace goes."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    log = {"digest": digest, "recipe": recipe.shown, "device": device, **told}
    (whole / "README.md").write_text(card(log), encoding="utf-8")
    (whole / "recipe.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    for path in whole.iterdir():
        path.chmod(0o644)
    out.parent.mkdir(parents=True, exist_ok=True)
    os.replace(whole, out)
    shutil.rmtree(whole.parent)


def run(trainer: Any, recipe: Recipe, digest: str, out: Path, facts: dict[str, Any]) -> None:
    """Trains from the last checkpoint if there is one, and puts the model at `out`, whole or not at all.

    An adapter is merged, so that whatever loads models loads the result.
    """
    work = workplace(digest, out)
    last = get_last_checkpoint(str(work / "checkpoints")) if (work / "checkpoints").is_dir() else None
    trained = trainer.train(resume_from_checkpoint=last)
    trainer.accelerator.wait_for_everyone()
    state = trainer.accelerator.get_state_dict(trainer.model)
    if not trainer.accelerator.is_main_process:
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    whole = work / "model"
    shutil.rmtree(whole, ignore_errors=True)
    if recipe.lora is not None:
        model = model.merge_and_unload()
        state = None
    model.save_pretrained(whole, state_dict=state)
    trainer.processing_class.save_pretrained(whole)
    seconds = trained.metrics["train_runtime"]
    put(whole, out, recipe, digest, facts=facts, log=trainer.state.log_history, seconds=seconds)
