"""Tasks on disk, in lm-eval's index and in Inspect's registry are the same: lm-eval skips a broken YAML silently."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest
import yaml
from inspect_ai._util.entrypoints import ensure_entry_points
from inspect_ai._util.registry import registry_find
from lm_eval.tasks import TaskManager

from persllm_bench.items import Data
from persllm_bench.reader import tasks_dir
from persllm_bench.suite import FAMILIES, GROUPS, TASKS


@pytest.fixture(scope="module")
def manager() -> TaskManager:
    return TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata={"condition": "profile"})


def on_disk() -> dict[str, Path]:
    return {p.stem: p for p in tasks_dir().glob("*/persllm*.yaml")}


def test_tasks_on_disk_are_those_of_lm_eval_and_of_inspect(manager: TaskManager) -> None:
    files = on_disk()
    assert set(files) == set(TASKS) | set(GROUPS)
    assert set(manager.all_subtasks) == set(TASKS)
    assert set(manager.all_groups) == set(GROUPS)
    ensure_entry_points("persllm_bench")
    names = registry_find(lambda i: i.type == "task" and i.name.startswith("persllm_bench/"))
    second_stage = {"persllm_fidelity", "persllm-quick_fidelity"}
    assert {t.__registry_info__.name.split("/")[1] for t in names} == set(TASKS) | second_stage


def test_every_declaration_names_itself_and_the_one_class() -> None:
    for name, path in on_disk().items():
        text = path.read_text()
        if name in TASKS:
            assert text == f"task: {name}\nclass: !function persllm_bench.faces.lm_eval_task.PersllmTask\n"
            assert path.parent.name == TASKS[name].base
        else:
            assert yaml.safe_load(text) == {"group": name, "task": list(GROUPS[name])}


@pytest.mark.parametrize(
    ("wildcard", "count"),
    [("persllm_*", sum(len(b) for b in FAMILIES.values())), ("persllm-quick_*", 9), ("persllm-ll_*", 5)],
)
def test_each_wildcard_selects_each_of_its_tasks_once(manager: TaskManager, wildcard: str, count: int) -> None:
    names = manager.match_tasks([wildcard])
    assert len(names) == len(set(names)) == count
    assert set(names) == set(fnmatch.filter(TASKS, wildcard))
    loaded = manager.load(names)
    assert set(loaded["tasks"]) == set(names)


@pytest.mark.parametrize("group", list(GROUPS))
def test_each_group_loads_its_tasks(manager: TaskManager, group: str) -> None:
    assert set(manager.load([group])["tasks"]) == set(GROUPS[group])


def test_every_task_has_a_card(data: Data) -> None:
    for base in {t.base for t in TASKS.values()}:
        card = data.root / base / "README.md"
        assert card.is_file(), f"tasks/{base}/README.md"
        assert "chance" in card.read_text().lower()
