"""One process of `test_reference_training`: trains a few steps and writes down the losses.

python tests/sharded_worker.py MODEL BATCH OUT   # torchrun's variables in the environment, or none for one process
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM

STEPS = 3


def train(path: str, batch: str, rank: int, world: int) -> dict:
    """Losses of a few steps, and how many parameters there are and are sharded."""
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    if world > 1:
        dist.init_process_group("gloo")
        mesh = dist.init_device_mesh("cpu", (world,))
        for layer in model.model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
    sharded = sum(isinstance(p, DTensor) for p in model.parameters())
    rows = torch.load(batch, weights_only=True)
    ids, labels = rows["ids"][rank::world], rows["labels"][rank::world]
    counted = (rows["labels"][:, 1:] != -100).sum()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(STEPS):
        logits = model(input_ids=ids).logits[:, :-1]
        part = F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum") / counted
        (part * world).backward()
        optimizer.step()
        optimizer.zero_grad()
        whole = part.detach().clone()
        if world > 1:
            dist.all_reduce(whole)
        losses.append(whole.item())
    if world > 1:
        dist.destroy_process_group()
    return {"losses": losses, "parameters": len(list(model.parameters())), "sharded": sharded}


if __name__ == "__main__":
    place = int(os.environ["RANK"])
    told = train(sys.argv[1], sys.argv[2], place, int(os.environ["WORLD_SIZE"]))
    if place == 0:
        Path(sys.argv[3]).write_text(json.dumps(told))
