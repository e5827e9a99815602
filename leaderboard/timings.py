"""How long a reader waits, in a real browser: the first table, and from page to page.

python leaderboard/timings.py [--board FOLDER] [--times 20]

Without --board: over a thousand full submissions, made as benchmarks/board.py makes them. The app runs warm: one reader
was there before. The server, the browser and this script share the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("benchmarks", "tests", "src")]

import psutil  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

from browser import Browser, server  # noqa: E402
from timing import show  # noqa: E402

TITLES = {"Model": "Model", "Compare": "Compare", "Replies": "Replies", "Personas": "Personas", "Method": "Method"}


def thousand(folder: Path) -> Path:
    """A board of a thousand entries, and the one submission behind them."""
    from board import make, synthetic
    from persllm_bench.board import units
    from persllm_bench.reader import load
    from persllm_bench.submissions import folder_tree
    from persllm_bench.submissions.scores import scored

    data, samples = load(), folder / "samples.parquet"
    bundle = make(data, folder / "submissions")
    keep = lambda _, scores: units.write_units(samples, data, scores)  # noqa: E731
    base = scored(folder_tree(bundle), "/".join(bundle.parts[-3:]), data, keep=keep)
    synthetic(data, base, samples, 1000, folder / "data")
    return folder / "data"


def first_table(browser: Browser) -> float:
    """Seconds from the address to rows in the table, in a browser that was here before."""
    browser.driver.get("about:blank")
    began = time.monotonic()
    browser.driver.get(browser.address)
    browser.until(lambda: browser.all("table.grid tbody tr"), "no table")
    return time.monotonic() - began


def switch(browser: Browser, name: str) -> float:
    """Seconds from a click in the navigation to the page's first table or chart."""
    began = time.monotonic()
    browser.driver.find_element(By.LINK_TEXT, name).click()
    browser.until(lambda: browser.texts("h1") == [TITLES[name]], f"no page {name}")
    browser.until(lambda: browser.all("[data-testid=stMain] table.grid tbody tr"), f"nothing on {name}")
    return time.monotonic() - began


def measure(board: Path, times: int) -> None:
    taken: dict[str, list[float]] = {}
    with server(board) as address, tempfile.TemporaryDirectory() as folder:
        browser = Browser(address, Path(folder))
        try:
            browser.open()
            for _ in range(times):
                taken.setdefault("first table", []).append(first_table(browser))
                browser.settled()
                for name in TITLES:
                    taken.setdefault(f"to {name}", []).append(switch(browser, name))
                    browser.settled()
            memory = sum(p.memory_info().rss for p in psutil.Process().children() if "streamlit" in p.cmdline())
        finally:
            browser.close()
    rows = [{"what": k, "median (s)": statistics.median(v), "slowest (s)": max(v)} for k, v in taken.items()]
    show(f"{times} times each", *rows)
    print(f"\nmemory of the server after all of them: {memory / 1e6:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", type=Path)
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(given.board or thousand(Path(folder)), given.times)


if __name__ == "__main__":
    main()
