"""Loops of simulated annotators as curves: means and ranges, what is compared, and tables that are not ours."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from compassign import eval_loop
from compassign.config import RunConfig
from compassign.errors import InputError
from compassign.figures import colours
from compassign.figures.learning import draw_learning
from compassign.queries.learning import (
    ABOUT,
    RANDOM,
    learning_curves,
    learning_folder,
    mended_by,
    n_rounds_of,
    read_learning,
    simulate_command,
    worth_of_asking,
)

OWN, OTHER = "a" * 64, "b" * 64


def write_loop(output: Path, acquisition: str, seed: int, losses: list[float], dataset_hash: str = OWN) -> Path:
    """A loop whose log losses are given, batches of 10."""
    about = ("NA", dataset_hash, "generative", acquisition, "perfect", 10, seed)
    rows = [
        {
            **dict(zip(ABOUT, about, strict=True)),
            **{"round": i, "n_asked": 10 * i, "n_labels": 10 * i, "log_loss": loss, "brier": 0.3, "top1": 0.7 + loss},
            **{"n_accepted": 5, "false_share": None if i == 0 else 0.1, "seconds": 1.0},
            **{"n_errors": 9 - i, "expected_errors": 8.5 - i, "expected_mended": 1.5 if i else None},
        }
        for i, loss in enumerate(losses)
    ]
    file = learning_folder(output, dataset_hash) / f"{acquisition}-{seed}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(file, index=False)
    return file


@pytest.fixture
def output(tmp_path: Path) -> Path:
    write_loop(tmp_path, RANDOM, 0, [0.9, 0.8, 0.6])
    write_loop(tmp_path, RANDOM, 1, [0.7, 0.6, 0.6])
    write_loop(tmp_path, "bald", 0, [0.9, 0.6, 0.4])
    write_loop(tmp_path, "bald", 1, [0.7, 0.6])
    return tmp_path


def test_curves_are_means_and_ranges_over_loops(output: Path) -> None:
    (found,) = read_learning(output, OWN).values()
    curves = learning_curves(found.table, "log_loss")
    second = curves[curves["acquisition"] == RANDOM].iloc[1]
    assert [second[name] for name in ("n_asked", "mean", "low", "high", "n_seeds")] == pytest.approx(
        [10, 0.7, 0.6, 0.8, 2]
    )
    assert curves["n_asked"][curves["acquisition"] == "bald"].tolist() == [0, 10]  # one loop alone reached 20


def test_another_dataset_comes_after_the_own_one(output: Path) -> None:
    write_loop(output, RANDOM, 0, [0.5, 0.4], dataset_hash=OTHER)
    found = read_learning(output, OWN)
    assert [one.dataset_hash for one in found.values()] == [OWN, OTHER]
    assert [one.dataset_hash for one in read_learning(output, OTHER).values()] == [OTHER, OWN]
    assert len(found) == 2  # though both datasets have one name
    assert all(name.startswith("NA: generative, perfect annotator, batches of 10") for name in found)
    assert read_learning(output / "elsewhere", OWN) == {}


def test_the_worth_is_told_against_random(output: Path) -> None:
    (found,) = read_learning(output, OWN).values()
    (told,) = worth_of_asking(found, "log_loss")
    # seed 0 ends at 0.4 against 0.6; seed 1 was asked 10 questions, after which both are at 0.6
    assert (
        told
        == "bald needs 10 questions for what random needs 20; after the last question it is better in 1 of 2 loops."
    )
    (told,) = worth_of_asking(found, "top1")  # higher is better
    assert (
        told == "bald needs 0 questions for what random needs 20; after the last question it is better in 0 of 2 loops."
    )
    write_loop(output, "bald", 0, [0.9, 0.9])
    write_loop(output, "bald", 1, [0.9, 0.9])
    (found,) = read_learning(output, OWN).values()
    assert "bald does not reach within 10 questions what random does with 20;" in worth_of_asking(found, "log_loss")[0]


def test_what_answers_mended_is_told_beside_what_was_expected(output: Path) -> None:
    (found,) = read_learning(output, OWN).values()
    assert mended_by(found) == [
        "bald: the answers mended 1.5 of 9.0 wrong calls; 2.2 were expected.",  # two rounds and one
        "random: the answers mended 2.0 of 9.0 wrong calls; 3.0 were expected.",
    ]


def test_without_random_nothing_is_compared(tmp_path: Path) -> None:
    write_loop(tmp_path, "bald", 0, [0.9, 0.6])
    (found,) = read_learning(tmp_path, OWN).values()
    assert worth_of_asking(found, "log_loss") == []


def test_a_table_that_is_not_ours_is_named(output: Path) -> None:
    file = learning_folder(output, OWN) / "mine.csv"
    file.write_text("round,loss\n1,2\n")
    with pytest.raises(InputError, match=r"mine\.csv: no column dataset"):
        read_learning(output, OWN)
    file.write_text("")
    with pytest.raises(InputError, match=r"mine\.csv: cannot be read"):
        n_rounds_of(file)


def test_rounds_of_a_loop_that_is_not_there(output: Path) -> None:
    assert n_rounds_of(learning_folder(output, OWN) / "none.csv") == -1
    assert n_rounds_of(learning_folder(output, OWN) / "bald-0.csv") == 2


def test_the_command_is_of_the_dataset_and_model(tmp_path: Path) -> None:
    config = RunConfig(data=tmp_path / "my study", model="softmax")
    assert f"--data '{tmp_path / 'my study'}' --model softmax --seeds 5" in simulate_command(tmp_path, config)
    assert "--difficulty hard" in simulate_command(tmp_path, RunConfig(difficulty="hard"))
    assert "--d" not in simulate_command(tmp_path, None)


def test_random_is_the_acquisition_of_the_loop() -> None:
    assert RANDOM == eval_loop.RANDOM


def test_each_acquisition_is_a_curve_with_a_band_and_random_is_grey(output: Path) -> None:
    (found,) = read_learning(output, OWN).values()
    figure = draw_learning(learning_curves(found.table, "log_loss"), "log_loss")
    named = {trace.name: trace for trace in figure.data if trace.name}
    assert list(named) == ["random, 2 loops", "bald, 2 loops"]
    assert named["random, 2 loops"].line.color == colours.INK
    assert tuple(named["random, 2 loops"].y) == pytest.approx((0.8, 0.7, 0.6))
    bands = [trace for trace in figure.data if trace.fill == "tonexty"]
    assert tuple(bands[0].y) == pytest.approx((0.9, 0.8, 0.6))
    assert len(bands) == 2


def test_one_loop_has_no_band(tmp_path: Path) -> None:
    write_loop(tmp_path, RANDOM, 0, [0.9, 0.8])
    (found,) = read_learning(tmp_path, OWN).values()
    (line,) = draw_learning(learning_curves(found.table, "log_loss"), "log_loss").data
    assert line.name == "random, 1 loop"
