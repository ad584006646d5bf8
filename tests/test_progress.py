"""Stages and their times, the log file, the bar and the plain lines."""

from __future__ import annotations

import io
import logging
import re
import threading
import warnings
from pathlib import Path

import pytest
from rich.console import Console

from compassign import progress as progress_module
from compassign.errors import InputError, RunCancelledError
from compassign.progress import LOGGER, RichProgress, SilentProgress
from compassign.sampling_progress import ChainProgress, SamplingProgress


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def text_console(terminal: bool) -> tuple[Console, io.StringIO]:
    """A console that writes into memory."""
    stream = io.StringIO()
    return Console(file=stream, force_terminal=terminal, width=100, color_system=None), stream


def test_stages_are_timed_also_when_they_repeat_nest_or_fail() -> None:
    clock = Clock()
    progress = SilentProgress(clock)
    with progress.stage("fit"):
        clock.now += 2
        with progress.stage("check"):
            clock.now += 1
    with pytest.raises(ZeroDivisionError), progress.stage("fit"):
        clock.now += 4
        raise ZeroDivisionError
    assert progress.runtime_s == {"check": 1.0, "fit": 7.0}


def test_a_warning_is_kept_once_in_order() -> None:
    progress = SilentProgress()
    for message in ("b", "a", "b"):
        progress.warn(message)
    assert progress.warnings == ["b", "a"]


def test_plain_lines_where_nobody_watches(tmp_path: Path) -> None:
    console, stream = text_console(terminal=False)
    with RichProgress(tmp_path / "run.log", console) as progress:
        with progress.stage("load"):
            progress.info("12 peaks as [M+H]+ and [bold]")
        progress.warn("polarity assumed")
        progress.info("done")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "load ..."
    assert lines[1] == "12 peaks as [M+H]+ and [bold]"
    assert re.fullmatch(r"load: \d+\.\d s", lines[2])
    assert lines[3:] == ["done", "warning: polarity assumed"]  # warnings come last, where they are read


def test_plain_lines_come_at_most_every_tenth_and_two_seconds(tmp_path: Path) -> None:
    clock = Clock()
    console, stream = text_console(terminal=False)
    with RichProgress(tmp_path / "run.log", console, clock) as progress, progress.stage("sample"):
        for seconds, fraction in [(1.9, 0.5), (0.2, 0.55), (1.9, 0.9), (3.0, 0.6), (3.0, 1.7)]:
            clock.now += seconds
            progress.advance(fraction, "chain 1")
    lines = stream.getvalue().splitlines()
    assert lines[1:-1] == ["sample: 55% chain 1", "sample: 100% chain 1"]
    assert "INFO compassign: sample: 55% chain 1" in (tmp_path / "run.log").read_text()


def test_a_bar_appears_only_on_a_terminal_and_only_for_long_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    console, stream = text_console(terminal=True)
    with RichProgress(tmp_path / "run.log", console) as progress:
        with progress.stage("short"):
            progress.advance(0.5, "half")
        assert "half" not in stream.getvalue()
        monkeypatch.setattr(progress_module, "BAR_AFTER_S", 0.0)
        with progress.stage("long"):
            for _ in range(500):
                progress.advance(0.5, "2 divergences [M+H]+")
                if "2 divergences" in stream.getvalue():
                    break
                threading.Event().wait(0.01)
    shown = stream.getvalue()
    assert "2 divergences [M+H]+" in shown
    assert " 50 %" in shown
    for thread in set(threading.enumerate()) - before:
        thread.join(5)  # the bar is gone: its threads end by themselves
    assert set(threading.enumerate()) <= before


def test_any_thread_may_advance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "BAR_AFTER_S", 0.0)
    errors: list[BaseException] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: errors.append(args.exc_value))
    console, stream = text_console(terminal=True)

    def advance(progress: RichProgress) -> None:
        for step in range(300):
            progress.advance(step / 300, f"draw {step}")

    with RichProgress(tmp_path / "run.log", console) as progress:
        for _ in range(5):
            with progress.stage("sample"):
                threads = [threading.Thread(target=advance, args=(progress,)) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
    assert errors == []
    assert stream.getvalue().count("sample: ") == 5
    assert list(progress.runtime_s) == ["sample"]


@pytest.mark.filterwarnings("default")
def test_the_log_has_everything_with_its_time(tmp_path: Path) -> None:
    file = tmp_path / "run.log"
    before = (logging.getLogger().handlers[:], LOGGER.level)
    console, _ = text_console(terminal=False)
    with RichProgress(file, console) as progress:
        with progress.stage("load"):
            progress.warn("polarity assumed")
        logging.getLogger("sampler").warning("slow")
        warnings.warn("old name", FutureWarning, stacklevel=1)
    lines = file.read_text().splitlines()
    stamped = [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "", line) for line in lines]
    assert stamped[:2] == ["INFO compassign: load ...", "WARNING compassign: polarity assumed"]
    assert re.fullmatch(r"INFO compassign: load took \d+\.\d s", stamped[2])
    assert stamped[3] == "WARNING sampler: slow"
    assert "FutureWarning: old name" in stamped[4]
    assert (logging.getLogger().handlers[:], LOGGER.level) == before


def test_the_log_has_the_traceback_of_a_defect_and_the_message_of_an_input_error(tmp_path: Path) -> None:
    console, stream = text_console(terminal=False)
    with pytest.raises(ZeroDivisionError), RichProgress(tmp_path / "a.log", console):
        raise ZeroDivisionError("in the middle")
    with pytest.raises(InputError), RichProgress(tmp_path / "b.log", console):
        raise InputError("peaks.csv row 3")
    defect, bad_input = (tmp_path / "a.log").read_text(), (tmp_path / "b.log").read_text()
    assert "Traceback" in defect
    assert "ZeroDivisionError: in the middle" in defect
    assert "stopped: peaks.csv row 3" in bad_input
    assert "Traceback" not in bad_input
    assert stream.getvalue() == ""


def chain(number: int, draw: int, is_tuning: bool = False, n_divergences: int = 0) -> ChainProgress:
    return ChainProgress(number, draw, 200, is_tuning, n_divergences, 0.5 / (number + 1))


def test_a_cancelled_run_stops_at_its_next_check() -> None:
    progress = SilentProgress()
    progress.check()
    thread = threading.Thread(target=progress.cancelled.set)
    thread.start()
    thread.join()
    with pytest.raises(RunCancelledError, match="cancelled"):
        progress.check()


@pytest.mark.parametrize(
    ("state", "share", "line"),
    [
        (SamplingProgress((), None), 0.0, "0 of 0 draws, 0 divergences, step size 0"),
        (
            SamplingProgress((chain(0, 50, is_tuning=True), chain(1, 150, n_divergences=3)), 12.4),
            0.5,
            "200 of 400 draws, 3 divergences, step size 0.25, tuning, 12 s left",
        ),
        (SamplingProgress((chain(0, 200),), 0.0), 1.0, "200 of 200 draws, 0 divergences, step size 0.5, 0 s left"),
    ],
)
def test_the_state_of_a_sampler_is_a_share_and_a_line(state: SamplingProgress, share: float, line: str) -> None:
    assert state.share == share
    assert str(state) == line


def test_the_state_of_a_sampler_moves_its_stage(tmp_path: Path) -> None:
    clock = Clock()
    console, stream = text_console(terminal=False)
    with RichProgress(tmp_path / "run.log", console, clock) as progress, progress.stage("sample"):
        clock.now += 3
        progress.sampling(SamplingProgress((chain(0, 50, is_tuning=True), chain(1, 150)), 9.0))
    assert "sample: 50% 200 of 400 draws, 0 divergences, step size 0.25, tuning, 9 s left" in stream.getvalue()
