"""The plain pages: strangers' text is text everywhere, nothing comes from elsewhere, figures are the board's."""

from __future__ import annotations

import csv
import io
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

import board_small
from board_small import FORMULA, MARKDOWN, SCRIPT
from browser import Browser
from conftest import invoke
from persllm_bench.board import Board, build
from persllm_bench.board.markup import bar, number, signed, text
from persllm_bench.board.site import MARK, export_site, page_of
from persllm_bench.items import Data
from persllm_bench.submissions import pack

TAGS = {
    "a", "b", "bdi", "blockquote", "body", "br", "button", "caption", "dd", "details", "div", "dl", "dt", "footer",
    "h1", "h2", "head", "html", "li", "line", "main", "meta", "nav", "p", "rect", "script", "span", "style",
    "summary", "svg", "table", "tbody", "td", "th", "thead", "title", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "aria-hidden", "aria-label", "charset", "class", "content", "data-v", "dir", "height", "href", "http-equiv", "lang",
    "name", "open", "preserveaspectratio", "role", "scope", "tabindex", "title", "viewbox", "width", "x", "x1", "x2",
    "y", "y1", "y2",
}  # fmt: skip
BIDI = "safe\u202etxt.exe\u202c \u200b end\x07"


class Page(HTMLParser):
    """What a browser would make of a page: tags, links, scripts, and the text between."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.told: list[str] = []
        self.inside: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inside.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        if self.inside[-1:] not in (["script"], ["style"]):
            self.told.append(data)

    @property
    def text(self) -> str:
        return "".join(self.told)


@pytest.fixture(scope="module")
def board(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Board:
    """Two hostile full submissions and a broken one."""
    folder = tmp_path_factory.mktemp("site_board")
    small = board_small.small(data)
    full = {c: (*board_small.CORE_TASKS, *(("persllm_open",) if c == "profile" else ())) for c in board_small.CONTROLS}
    for repo, skill in (("lab/steady", 0.9), ("odd/hostile", 0.3)):
        facts = {"licence": FORMULA, "hardware": SCRIPT, "contact": MARKDOWN}
        where, files = board_small.bundle(small, repo, skill, full, words=f"{BIDI} {SCRIPT}", **facts)
        pack.write(files, folder / "submissions" / where)
    broken = folder / "submissions" / board_small.CORRUPT
    broken.mkdir(parents=True)
    (broken / "submission.json").write_text('{"score": "<b>100</b>"}')
    build(folder / "submissions", small, folder / "data")
    return Board(folder / "data", data=small)


@pytest.fixture(scope="module")
def site(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "pages"
    assert export_site(board, out) == 6
    return out


def test_no_text_of_a_submission_becomes_markup(board: Board, site: Path) -> None:
    pages = {path.relative_to(site).as_posix(): Page(path) for path in sorted(site.rglob("*.html"))}
    assert len(pages) == 6
    for page in pages.values():
        assert set(page.tags) <= TAGS
        assert page.attributes <= ATTRIBUTES, "no handlers, no styles on elements"
        assert page.tags.count("script") == page.tags.count("style") == 1
    hostile = pages[f"models/{page_of(entry_of(board, 'odd/hostile'))}"]
    for told in (FORMULA, SCRIPT, MARKDOWN, "safe\\u{202e}txt.exe\\u{202c} \\u{200b} end\\u{7}"):
        assert told in hostile.text
    assert "<b>100</b>" in pages["index.html"].text
    raw = "".join(path.read_text() for path in site.rglob("*.html"))
    assert not set("\u202e\u202c\u200b\x07") & set(raw)


def test_pages_link_to_nothing_but_each_other(site: Path) -> None:
    for path in site.rglob("*.html"):
        for link in Page(path).links:
            assert (path.parent / link).resolve().is_file(), f"{path.name} -> {link}"


def test_the_figures_are_those_of_the_board(board: Board, site: Path) -> None:
    index = Page(site / "index.html").text
    for row in board.ranking("prompted").itertuples():
        assert number(row.score) in index
        model = Page(site / "models" / page_of(row.entry)).text
        for score in board.scores(entry=row.entry, track="prompted").itertuples():
            assert f"{number(score.low)} to {number(score.high)}" in model
    a, b = board.ranking("prompted")["entry"]
    compared = Page(site / "compare.html").text
    for row in board.compare(a, b, "prompted").itertuples():
        assert f"{signed(row.low)} to {signed(row.high)}" in compared
    personas = Page(site / "personas.html").text
    assert all(p.name in personas for p in board.data.personas.values())


def test_downloads_start_no_formula(site: Path) -> None:
    rows = list(csv.reader(io.StringIO((site / "ranking_prompted.csv").read_text(), newline="")))
    assert len(rows) == 3
    assert "'" + FORMULA in rows[1]
    assert not any(cell.startswith("=") for row in rows for cell in row)


def test_equal_boards_give_equal_pages_and_only_sites_are_replaced(board: Board, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "again")
    (tmp_path / "again" / "old.html").write_text("")
    export_site(board, tmp_path / "again")
    files = {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()}
    assert files == {
        p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*") if p.is_file()
    }
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match=f"has no {MARK}"):
        export_site(board, tmp_path / "home")


def test_the_command_exports_and_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "submissions").mkdir()
    assert invoke("board", tmp_path / "submissions", "--output", tmp_path / "data").exit_code == 0
    done = invoke("export-site", tmp_path / "site", "--board", tmp_path / "data")
    assert "4 pages" in done.output
    assert "Nobody stands on this track yet" in Page(tmp_path / "site" / "index.html").text
    missing = invoke("export-site", tmp_path / "site", "--board", tmp_path / "nowhere")
    assert missing.exit_code == 2
    assert "is no board" in missing.output


def test_in_a_browser_tables_sort_and_nothing_else_runs(site: Path, tmp_path: Path) -> None:
    browser = Browser(site.as_uri(), tmp_path)
    try:
        browser.driver.get(f"{browser.address}/index.html")
        models = lambda: browser.texts("table tbody th a")  # noqa: E731
        before = models()
        core = next(b for b in browser.all("th button") if b.text.startswith("PersLLM-Core"))
        core.click()
        assert models() == before
        core.click()
        assert models() == before[::-1]
        assert core.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
        for path in sorted(site.rglob("*.html")):
            for theme, width in (("light", 1280), ("dark", 390)):
                browser.look(theme=theme, width=width)
                browser.driver.get(path.as_uri())
                assert browser.driver.title != "owned"
                wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                assert browser.driver.execute_script(wide) <= 0, f"{path.name} is wider than a phone"
        refused = [line for line in browser.driver.get_log("browser") if "favicon" not in line["message"]]
        assert refused == []
    finally:
        browser.close()


def test_values_are_shown_as_they_are() -> None:
    assert number(-1.25) == "\u22121.2"
    assert number(None) == number(float("nan")) == signed(None) == "–"
    assert str(text("<b>&\u202e")) == '<bdi dir="auto">&lt;b&gt;&amp;\\u{202e}</bdi>'
    assert 'x="50.0"' in str(bar(40, 70, 100))
    assert bar(None, None, None) == ""


def entry_of(board: Board, model: str) -> str:
    table = board.entries()
    return str(table.loc[table["model"] == model, "entry"].iloc[0])
