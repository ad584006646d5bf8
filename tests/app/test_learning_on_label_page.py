"""The Label page draws what simulated annotators taught, or says how to find out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from output_folders import LOOKUP, add_run
from streamlit.testing.v1 import AppTest
from test_pages import assert_only_text, open_page, shown

from compassign.data.load import load_dataset
from compassign.queries.learning import ABOUT, RANDOM, learning_folder
from compassign.store.database import URL_VARIABLE

pytest_plugins = ["example_runs"]

NAME = "<b>mine</b> $x$ [a](javascript:alert(1))"


@pytest.fixture
def output(tmp_path: Path, lookup_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("COMPASSIGN_OUTPUT", str(tmp_path))
    add_run(tmp_path, LOOKUP, lookup_folder)
    return tmp_path


def write_loop(output: Path, acquisition: str, dataset_hash: str, last_loss: float) -> None:
    about = (NAME, dataset_hash, "lookup", acquisition, "perfect", 10, 0)
    counts = {"n_accepted": 5, "seconds": 1.0, "brier": 0.3, "top1": 0.7, "false_share": 0.1}
    counts |= {"n_errors": 3, "expected_errors": 2.5, "expected_mended": 0.5}
    rows = [
        {**dict(zip(ABOUT, about, strict=True)), **counts, "round": i, "n_asked": 10 * i, "n_labels": 10 * i} | loss
        for i, loss in enumerate([{"log_loss": 0.9}, {"log_loss": 0.7}, {"log_loss": last_loss}])
    ]
    file = learning_folder(output, dataset_hash) / f"{acquisition}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(file, index=False)


def opened() -> AppTest:
    return open_page("label", **{"as": "Ada"})


def test_without_loops_the_page_says_how_to_make_them(output: Path, example_data: Path) -> None:
    app = opened()
    assert "No loops were replayed" in shown(app)
    assert any(f"simulate --data {example_data} --model lookup --seeds 5" in code.value for code in app.code)


def test_the_curves_of_the_dataset_are_drawn(output: Path, example_data: Path) -> None:
    own = load_dataset(example_data).dataset_hash
    write_loop(output, RANDOM, own, 0.6)
    write_loop(output, "entropy", own, 0.5)
    write_loop(output, RANDOM, "f" * 64, 0.1)
    app = opened()
    assert (
        "entropy needs 20 questions for what random needs 20; after the last question it is better in 1 of 1"
        in shown(app)
    )
    assert not any("simulate" in code.value for code in app.code)
    app.selectbox(key="learning_measure").set_value("n_accepted").run()
    assert not app.exception
    (table,) = [frame.value for frame in app.dataframe if "n_asked" in frame.value]
    assert set(table["mean"]) == {5.0}
    assert_only_text(app)


def test_loops_of_another_dataset_are_shown_beside_the_command(output: Path) -> None:
    write_loop(output, RANDOM, "f" * 64, 0.1)
    app = opened()
    assert str(app.selectbox(key="learning_loops").value).startswith(NAME)
    assert any("simulate" in code.value for code in app.code)


def test_a_broken_table_is_named_and_the_desk_stays(output: Path) -> None:
    file = learning_folder(output, "f" * 64) / "mine.csv"
    file.parent.mkdir(parents=True)
    file.write_text("a,b\n1,2\n")
    app = opened()
    assert "mine.csv: no column dataset" in shown(app)
    assert app.subheader
