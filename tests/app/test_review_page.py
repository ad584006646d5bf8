"""The Review page: who disagrees, what settles it, and how far people agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from output_folders import LOOKUP, add_run
from test_pages import assert_only_text, open_page, shown

from compassign.label_events import Kind, fold
from compassign.queries.label_desk import source_of
from compassign.queries.labels import Desk, open_desk
from compassign.queries.run_folder import load_run
from compassign.store.database import URL_VARIABLE
from compassign.store.labels import LabelStore

pytest_plugins = ["example_runs", "app_outputs"]


@pytest.fixture
def desk(tmp_path: Path, lookup_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk of an output folder of the test's own with one run."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    run = load_run(add_run(tmp_path, LOOKUP, lookup_folder))
    return open_desk(LabelStore.open(tmp_path), tmp_path, source_of(run))


def say(desk: Desk, peak_id: str, name: str, *options: str) -> None:
    blank = desk.blank(peak_id, name, f"{peak_id} {name}")
    kind: Kind = "candidate" if options else "null"
    desk.store.append(replace(blank, kind=kind, options=options, note="<b>note</b>"))


def test_without_labels_there_is_nothing_to_settle(desk: Desk) -> None:
    app = open_page("review")
    assert "Nobody disagrees" in app.success[0].value
    assert "No peak has answers of two people" in app.info[0].value
    assert "This run was given no answers" in app.info[1].value


def test_reliabilities_of_the_run_stand_beside_agreement_the_lowest_first(desk: Desk, tmp_path: Path) -> None:
    (results,) = (tmp_path / "runs").glob("*/results")
    table = "annotator,n_peaks,n_shared,reliability,hdi_low,hdi_high,basis\n"
    (results / "annotators.csv").write_text(
        f"{table}<b>Ada</b>,5,2,0.96,0.91,0.99,learned\n,3,0,1,,,assumed\nBob,4,2,0.31,0.2,0.4,learned\n"
    )
    app = open_page("review")
    (found,) = (frame.value for frame in app.dataframe)
    assert found["annotator"].tolist() == ["Bob", "<b>Ada</b>", "labels without a name"]
    assert found["hdi_low"].isna().tolist() == [False, False, True]
    assert_only_text(app)
    (results / "annotators.csv").write_text("something else\n")
    app = open_page("review")
    assert "annotators.csv: not the table that a run writes" in shown(app)
    assert not app.exception


def test_what_is_settled_counts_alone_and_tells_who_was_right(desk: Desk) -> None:
    for peak_id, name, options in (
        *(("p00", "Ada", ["leu"]), ("p00", "Bob", ["ile"]), ("p01", "Ada", ["leu"]), ("p01", "Bob", ["leu"])),
        *(("p02", "Ada", []), ("p02", "Bob", [])),
    ):
        say(desk, peak_id, name, *options)
    app = open_page("review")
    assert app.dataframe[0].value["annotator"].tolist() == ["Ada", "Bob"]
    assert app.dataframe[0].value["answer"].tolist() == ["Leucine", "Isoleucine"]
    (evidence,) = [link for link in app.get("page_link") if link.proto.label == "Look at its evidence"]
    assert "peak=p00" in evidence.proto.query_string
    assert not [button for button in app.button if button.label == "Leucine"]  # nobody settles without a name
    app = open_page("review", **{"as": "Eve"})  # or types it
    next(button for button in app.button if button.label == "Leucine").click().run()
    assert not app.exception
    assert fold(desk.events()).of_peak("p00")[0].options == ("leu",)
    assert fold(desk.events()).of_peak("p00")[0].annotator == "Eve"
    assert "Nobody disagrees" in app.success[0].value
    pairs, settled = (frame.value for frame in app.dataframe)
    assert pairs[["n_both", "share_equal"]].to_numpy().tolist() == [[3, pytest.approx(2 / 3)]]
    assert settled["share_upheld"].tolist() == [1.0, 0.0]
    assert_only_text(app)
    assert "alpha" in app.metric[0].label
    assert "settle" in shown(app).lower()
