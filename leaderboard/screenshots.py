"""Pictures of every page for `docs/screenshots`: light, dark, and as a phone shows it.

python leaderboard/screenshots.py [--board FOLDER] [--output docs/screenshots] [--pages overview model ...]

Needs Chromium and chromedriver, selenium and Pillow. The board should have two full submissions or more.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from browser import Browser, server  # noqa: E402
from persllm_bench.board import Board  # noqa: E402

LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "phone": ("light", 390)}
TALLEST = {1280: 2000, 390: 1700}
"""Pixels; what lies below is cut off."""


def views(board: Board) -> dict[str, tuple[str, dict]]:
    """Name -> page and address, with the best ranked models in them."""
    ranked = board.ranking("prompted")["entry"].tolist()
    best, talk = ranked[0], "persllm_pressure"
    reply = board.replies(best, "profile", talk, board.personas(entry=best)["persona"].iloc[0])[0].id
    return {
        "overview": ("", {}),
        "model": ("model", {"entry": best}),
        "compare": ("compare", {"models": ranked[:3]}),
        "replies": ("replies", {"entry": best, "task": "persllm_knowledge"}),
        "reply": ("replies", {"entry": best, "task": talk, "reply": reply}),
        "personas": ("personas", {}),
        "persona": ("personas", {"persona": reply.split("|")[0]}),
        "judges": ("judges", {}),
        "submit": ("submit", {}),
        "method": ("method", {}),
    }


def picture(browser: Browser, width: int) -> Image.Image:
    """The page as it stands, as far down as it goes or as TALLEST."""
    down = "return document.querySelector('[data-testid=stMainBlockContainer]').getBoundingClientRect().height"
    height = min(int(browser.driver.execute_script(down)) + 60, TALLEST[width])
    return Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).crop((0, 0, width, height)).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", type=Path, default=ROOT / "leaderboard" / "data")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--pages", nargs="*")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    wanted = {k: v for k, v in views(Board(given.board)).items() if not given.pages or k in given.pages}
    with server(given.board) as address, tempfile.TemporaryDirectory() as folder:
        browser = Browser(address, Path(folder))
        try:
            for name, (page, query) in wanted.items():
                for look, (theme, width) in LOOKS.items():
                    browser.look(theme=theme, width=width, height=TALLEST[width])
                    browser.open(page, **query)
                    path = given.output / f"{name}_{look}.webp"
                    picture(browser, width).save(path, quality=50, method=6)
                    print(f"{path}: {path.stat().st_size:,} bytes")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
