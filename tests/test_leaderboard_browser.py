"""The app in a real browser: permalinks, filters, comparison, replies, downloads, keyboard, phones, accessibility."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import browser_board
from board_small import CORRUPT
from browser import Browser, server
from browser_board import HOSTILE, STEADY, WEAK, small_data
from persllm_bench.board import Board
from test_leaderboard_pages import PAGES, entry

STREAMLIT_S_OWN: list[str] = []
"""Selectors of Streamlit's own frame that fail axe-core and cannot be reached from an app, each with its reason."""
NAMES = "table.grid tbody .name a"


@pytest.fixture(scope="module")
def browser(board_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with server(board_folder, (browser_board.__file__,)) as address:
        opened = Browser(address, tmp_path_factory.mktemp("downloads"))
        try:
            opened.open()
            yield opened
        finally:
            opened.close()


def path(page: str) -> str:
    return "" if page == "overview" else page


def test_filter_and_permalink(browser: Browser) -> None:
    browser.open()
    assert len(browser.all(NAMES)) == 5
    box = browser.driver.find_element(By.CSS_SELECTOR, ".st-key-in_q input")
    box.send_keys("steady", Keys.ENTER)
    browser.until(lambda: browser.texts(NAMES) == ["steady"], "the search does not filter")
    assert "q=steady" in browser.driver.current_url
    browser.driver.get(browser.driver.current_url)
    browser.settled()
    assert browser.texts(NAMES) == ["steady"]
    assert browser.driver.find_element(By.CSS_SELECTOR, ".st-key-in_q input").get_attribute("value") == "steady"


def test_sort_by_a_heading_and_back(browser: Browser) -> None:
    browser.open()
    first = browser.texts(NAMES)
    browser.click(browser.driver.find_element(By.CSS_SELECTOR, "thead a[href*='sort=label']"))
    browser.until(lambda: browser.texts("th[aria-sort]") == ["Model ↑"], "the heading does not sort")
    assert browser.texts(NAMES) == ["steady", "weak", "trained", "weak-again", "oracle"], "by organisation and name"
    browser.click(browser.driver.find_element(By.CSS_SELECTOR, "thead a[href*='sort=label']"))
    browser.until(lambda: browser.texts("th[aria-sort]") == ["Model ↓"], "the heading does not turn the order round")
    assert "order=descending" in browser.driver.current_url
    assert browser.texts(NAMES) == ["oracle", "weak-again", "trained", "weak", "steady"]
    browser.driver.back()
    browser.driver.back()
    browser.until(lambda: browser.texts(NAMES) == first, "the browser's back button does not go back")


def test_from_the_table_to_a_reply_by_the_heat_map(browser: Browser, board_folder: Path) -> None:
    browser.open()
    browser.click(browser.driver.find_element(By.LINK_TEXT, "steady"))
    browser.until(lambda: browser.texts("h1") == ["Model"], "the name does not lead to the model")
    browser.settled()
    cell = browser.all("table.heat td.cell a[href*='persllm_knowledge']")[0]
    persona = cell.get_attribute("title").split(",")[0]
    browser.click(cell)
    browser.until(lambda: browser.texts("h1") == ["Replies"], "the cell does not lead to replies")
    browser.settled()
    people = browser.texts("table.grid tbody td:nth-child(4)")
    assert people
    assert set(people) == {persona}
    browser.click(browser.all("table.grid tbody th a")[0])
    browser.until(lambda: "reply=" in browser.driver.current_url, "the reply has no address")
    browser.settled()
    browser.until(lambda: "The best ranked" in browser.text(), "the reply does not open")
    browser.settled()
    shown = browser.text()
    browser.driver.get(browser.driver.current_url)
    browser.settled()
    assert browser.text() == shown


def test_compare_by_address(browser: Browser, board_folder: Path) -> None:
    models = [entry(board_folder, m) for m in (WEAK, STEADY)]
    browser.open("compare", models=models)
    told = Board(board_folder).compare(*models, "prompted").set_index("task").loc["persllm-core"]
    wanted = f"{told['difference']:.1f}".replace("-", "−")
    row = browser.texts("table.grid:not(.heat) tbody tr")
    assert any(r.startswith("PersLLM-Core") and wanted in r for r in row), (wanted, row[:14])
    assert browser.all("table.grid tbody td a[href*='reply=']")


def test_the_download_equals_the_table(browser: Browser) -> None:
    browser.open(columns=["licence"])
    browser.click(browser.all(".st-key-csv_ranking_prompted button")[0])
    target = browser.downloads / "ranking_prompted.csv"
    browser.until(target.is_file, "no file came")
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert [r["model"].split("/")[1] for r in rows] == browser.texts(NAMES)
    assert [f"{float(r['score']):.1f}" for r in rows if r["score"]] == browser.texts(
        "table.grid tbody .interval .value"
    )
    assert [r["licence"] for r in rows if r["model"] == HOSTILE] == ['\'=HYPERLINK("http://evil.example","click")']


def test_hostile_text_does_nothing(browser: Browser, board_folder: Path) -> None:
    hostile = entry(board_folder, HOSTILE)
    rows = Board(board_folder).units(hostile, condition="profile", task="persllm_knowledge")
    odd = rows[rows["outcome"] != "parsed"]["sample"].iloc[0]
    for page, query in (
        ("", {}), ("model", {"entry": hostile}), ("compare", {"models": [hostile, entry(board_folder, STEADY)]}),
        ("replies", {"entry": hostile, "task": "persllm_knowledge", "reply": odd, "outcome": "failed"}),
    ):  # fmt: skip
        browser.open(page, **query)
        assert browser.driver.title != "owned"
        assert not browser.all("[data-testid=stMain] img, [data-testid=stMain] a[href^='javascript']")
    assert "<script>" in browser.text()
    assert "\\u{202e}" in browser.text()
    assert "\u202e" not in browser.text()


def test_the_corrupt_bundle_is_named(browser: Browser) -> None:
    browser.open()
    assert CORRUPT[:30] in browser.text()


@pytest.mark.parametrize("page", [*PAGES, "persona", "reply"])
def test_a_page_is_accessible_in_both_themes_and_fits_a_phone(browser: Browser, page: str, board_folder: Path) -> None:
    steady = entry(board_folder, STEADY)
    opened: dict[str, tuple[str, dict]] = {
        "overview": ("", {}),
        "persona": ("personas", {"persona": "ada_lovelace"}),
        "reply": ("replies", {"entry": steady, "task": "persllm_pressure", "reply": _talk(board_folder, steady)}),
    }
    where, query = opened.get(page, (page, {}))
    browser.open(where, **query)
    try:
        found = {}
        for theme, background in (("light", "rgb(253, 252, 250)"), ("dark", "rgb(21, 24, 28)")):
            browser.look(theme=theme)
            browser.until(lambda b=background: browser.background() == b, f"the theme is not {theme}")
            browser.settled()
            found[theme] = browser.faults(STREAMLIT_S_OWN)
        assert found == {"light": [], "dark": []}
        browser.look(width=390, height=844)
        browser.settled()
        wide = browser.driver.execute_script(
            "return [document.documentElement, document.querySelector('[data-testid=stMain]')].map(e => e.scrollWidth)"
        )
        assert max(wide) <= 390
    finally:
        browser.look()


def _talk(board_folder: Path, model: str) -> str:
    return Board(board_folder, data=small_data()).replies(model, "profile", "persllm_pressure")[0].id


def test_everything_is_reached_by_keyboard(browser: Browser) -> None:
    browser.open()
    reached = set()
    for _ in range(40):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.driver.execute_script("return document.activeElement.textContent.trim()"))
    assert {"Compare", "steady", "Alignment"} <= reached, reached
    link = browser.driver.find_element(By.LINK_TEXT, "steady")
    link.send_keys(Keys.ENTER)
    browser.until(lambda: browser.texts("h1") == ["Model"], "a link does not follow the keyboard")
