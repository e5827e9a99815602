"""The app's pages, run without a browser: every one renders, filters filter, and a stranger's text stays text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

import persllm_bench.board.board
from board_small import CORRUPT
from browser_board import AGAIN, BASELINE, HOSTILE, STEADY, WEAK, small_data
from conftest import ROOT
from parts import query, text
from persllm_bench.board import Board
from persllm_bench.items import Data

PAGES = ("overview", "model", "compare", "replies", "personas", "judges", "submit", "method")


@pytest.fixture(scope="module")
def small() -> Data:
    return small_data()


@pytest.fixture
def app(board_folder: Path, small: Data, monkeypatch: pytest.MonkeyPatch):
    """Opens a page with a query and runs it."""
    monkeypatch.setenv("PERSLLM_BOARD", str(board_folder))
    monkeypatch.setattr(persllm_bench.board.board, "load", lambda: small)

    def opened(page: str = "overview", /, **query: str | list[str]) -> AppTest:
        at = AppTest.from_file(str(ROOT / "leaderboard" / "app.py"), default_timeout=60).run()
        at.query_params.update(query)
        if page != "overview":
            at.switch_page(f"views/{page}.py")
        return at.run()

    return opened


def entry(folder: Path, model: str) -> str:
    table = Board(folder).entries().set_index("model")
    return str(table.loc[model, "entry"])


def html(at: AppTest) -> str:
    return "\n".join(str(h.value) for h in at.get("html"))


def shown(at: AppTest) -> list[str]:
    """Models in the table of the first page."""
    return [m for m in (BASELINE, STEADY, WEAK, AGAIN, HOSTILE) if f">{m.split('/')[1]}</bdi>" in html(at)]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_renders(app, page: str) -> None:
    at = app(page)
    assert not at.exception, [e.value for e in at.exception]
    assert at.title


def test_ranked_partial_and_baseline_are_told_apart(app) -> None:
    at = app()
    assert shown(at) == [BASELINE, STEADY, WEAK, AGAIN, HOSTILE]
    rows = [row for row in html(at).split("<tr>") if 'class="name"' in row]
    ranks = {m: next(r for r in rows if f">{m.split('/')[1]}</bdi>" in r) for m in shown(at)}
    assert ">1<" in ranks[STEADY]
    assert ">2 " in ranks[WEAK]
    assert ">=2 " in ranks[AGAIN], "a tie is shown as a tie"
    assert "2–3" in ranks[WEAK]
    assert ">–<" in ranks[HOSTILE]
    assert "not ranked" in ranks[HOSTILE]
    assert ">–<" in ranks[BASELINE]
    assert "baseline" in ranks[BASELINE]


def test_search_and_filters_leave_what_they_say(app) -> None:
    assert shown(app(q="STEADY lab")) == [STEADY]
    assert shown(app(others="False")) == [STEADY, WEAK, AGAIN]
    assert shown(app(least="10", most="10")) == []
    assert any("No model fits" in i.value for i in app(q="no such model").info)


def test_a_changed_widget_changes_the_address(app) -> None:
    at = app()
    at.text_input(key="in_q").set_value("steady").run()
    assert at.query_params["q"] == "steady"
    assert shown(at) == [STEADY]
    at.text_input(key="in_q").set_value("").run()
    assert "q" not in at.query_params


def test_an_address_with_unknown_values_is_no_error(app) -> None:
    for page in PAGES:
        at = app(
            page,
            entry="nobody",
            track="x",
            task="x",
            condition="x",
            persona="x",
            models=["a", "b"],
            page="-3",
            sort="x",
        )
        assert not at.exception, page
    assert any("not on this board" in w.value for w in app("model", entry="nobody").warning)


def test_the_corrupt_bundle_is_named_and_the_rest_stands(app) -> None:
    at = app()
    labels = [e.label.replace("\\", "") for e in at.expander]
    assert any("1 submission is left out" in label and CORRUPT[:40] in label for label in labels)
    assert STEADY in shown(at)


def test_hostile_text_reaches_no_page_unescaped(app, board_folder: Path) -> None:
    hostile = entry(board_folder, HOSTILE)
    rows = Board(board_folder).units(hostile, condition="profile", task="persllm_knowledge")
    odd = rows[rows["outcome"] != "parsed"]["sample"].iloc[0]
    for at in (app("model", entry=hostile), app("replies", entry=hostile, task="persllm_knowledge", reply=odd)):
        assert not at.exception
        page = html(at)
        assert "&lt;script&gt;" in page
        assert "<script" not in page
        assert "<img" not in page
        for bad in ("\u202e", "\u200b", "\x07"):
            assert bad not in page
        for element in (*at.markdown, *at.caption, *at.info, *at.warning, *at.error):
            assert "<script" not in str(element.value)
            assert not any(kind in str(element.value) for kind in ("](javascript", ":red["))


def test_a_reply_is_shown_with_its_options_and_what_settles_it(app, board_folder: Path, small: Data) -> None:
    steady = entry(board_folder, STEADY)
    first = Board(board_folder, data=small).replies(steady, "profile", "persllm_knowledge", "jane_eyre")[0]
    page = html(app("replies", entry=steady, condition="profile", task="persllm_knowledge", reply=first.id))
    assert text.markup(first.evidence[0].text) in page
    for option in first.options:
        assert text.markup(option.text) in page
    assert "chosen" in page


def test_a_talk_is_shown_turn_by_turn_with_probes(app, board_folder: Path, small: Data) -> None:
    steady = entry(board_folder, STEADY)
    talk = Board(board_folder, data=small).replies(steady, "profile", "persllm_pressure", "jane_eyre")[0]
    page = html(app("replies", entry=steady, condition="profile", task="persllm_pressure", reply=talk.id))
    assert all(text.block(turn.text) in page for turn in talk.turns)
    assert page.count("privately:") == len([p for p in talk.probes if p.private])


def test_two_models_are_compared_and_their_flips_listed(app, board_folder: Path) -> None:
    models = [entry(board_folder, m) for m in (STEADY, WEAK)]
    at = app("compare", models=models)
    assert not at.exception
    difference = Board(board_folder).compare(*models, "prompted").set_index("task").loc["persllm-core", "difference"]
    assert f'class="value">{difference:.1f}<' in html(at)
    assert "right: " in html(at)
    assert "wrong: " in html(at)


def test_an_empty_board_and_no_board_say_what_to_do(app, tmp_path: Path, data, monkeypatch: pytest.MonkeyPatch) -> None:
    from persllm_bench.board import build

    (tmp_path / "submissions").mkdir()
    build(tmp_path / "submissions", data, tmp_path / "empty")
    for folder, words in (("empty", "No submissions yet"), ("missing", "There is no board here yet")):
        monkeypatch.setenv("PERSLLM_BOARD", str(tmp_path / folder))
        for page in ("model", "replies"):
            at = app(page)
            assert not at.exception, at.exception
            assert any(words in i.value for i in at.info), (folder, page)
        for page in ("overview", "compare", "personas"):
            assert not app(page).exception, (folder, page)


def test_judges_are_read_where_they_are_and_their_absence_is_told(
    app, board_folder: Path, tmp_path: Path, monkeypatch
) -> None:
    assert any("No judge" in i.value for i in app("judges").info)
    folder = tmp_path / "data"
    shutil.copytree(board_folder, folder)
    monkeypatch.setenv("PERSLLM_BOARD", str(folder))
    measures = pd.read_parquet(folder / "measures.parquet")
    entries = sorted(measures["entry"].unique())[:2]
    told = {"kappa": (0.71, 0.40), "swap_consistency": (0.95, 0.97)}
    rows = [
        {"entry": entry, "condition": "profile", "task": "persllm_judge", "measure": name, "value": values[i]}
        for i, entry in enumerate(entries)
        for name, values in told.items()
    ]
    whole = pd.concat([measures, pd.DataFrame(rows)]).sort_values("entry", kind="stable")
    pq.write_table(pa.Table.from_pandas(whole, preserve_index=False), folder / "measures.parquet")
    page = html(app("judges"))
    assert page.count("passes</span>") == page.count("fails</span>") == 1
    assert "0.71" in page


def test_labels_and_markup_show_the_text_itself() -> None:
    hostile = ":red[x] **b** <b>c</b> \u202egnp\u202c $x$ \x1b"
    assert (
        text.markup(hostile)
        == '<bdi dir="auto">:red[x] **b** &lt;b&gt;c&lt;/b&gt; \\u{202e}gnp\\u{202c} $x$ \\u{1b}</bdi>'
    )
    assert "\\*\\*b\\*\\*" in text.label(hostile)
    assert "\\:red\\[x\\]" in text.label(hostile)
    assert text.isolated("\u05d0\u05d1") == "\u2068\u05d0\u05d1\u2069"
    assert text.href("model", entry='a"><script>') == "./model?entry=a%22%3E%3Cscript%3E"
    assert query.page.__doc__
