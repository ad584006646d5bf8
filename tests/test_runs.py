"""Run folders and the links to the newest complete run."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from compassign.errors import InputError
from compassign.runs import RunDirectory, find_run, is_complete, new_run_id, newest_complete, shown_run


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def stage(run: RunDirectory) -> None:
    """Write what a pipeline would."""
    (run.staging / "models" / "assignment_trace.nc").write_text(run.run_id)
    (run.staging / "results" / "run.json").write_text(run.run_id)
    run.log.write_text(run.run_id)


def complete(output: Path) -> RunDirectory:
    """Make one complete run."""
    with RunDirectory.create(output, "lookup") as run:
        stage(run)
        run.publish()
    return run


def links(output: Path) -> dict[str, str]:
    """Every link in the output folder and where it points."""
    return {path.name: os.readlink(path) for path in output.iterdir() if path.is_symlink()}


def test_a_published_run_is_what_the_links_show(tmp_path: Path) -> None:
    run = complete(tmp_path)
    assert links(tmp_path) == {
        "latest": f"runs/{run.run_id}",
        "models": "latest/models",
        "results": "latest/results",
        "logs": "latest/logs",
    }
    for file in ("models/assignment_trace.nc", "results/run.json", "logs/run.log"):
        assert (tmp_path / file).read_text() == run.run_id
    assert sorted(os.listdir(run.path)) == ["logs", "models", "results"]
    assert shown_run(tmp_path) == newest_complete(tmp_path) == run.path


def test_the_output_folder_may_be_relative_and_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = complete(Path("out"))
    assert run.path == tmp_path / "out" / "runs" / run.run_id
    (tmp_path / "out").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "results" / "run.json").read_text() == run.run_id


def test_links_move_to_each_new_run_and_leave_no_temporary_names(tmp_path: Path) -> None:
    first, second = complete(tmp_path), complete(tmp_path)
    assert links(tmp_path)["latest"] == f"runs/{second.run_id}"
    assert sorted(os.listdir(tmp_path)) == ["latest", "logs", "models", "results", "runs"]
    assert sorted(os.listdir(tmp_path / "runs")) == [first.run_id, second.run_id]


def test_a_reader_never_finds_the_links_missing(tmp_path: Path) -> None:
    complete(tmp_path)
    stop, errors, n_read = threading.Event(), [], 0

    def read() -> None:
        nonlocal n_read
        while not stop.is_set():
            try:
                (tmp_path / "results" / "run.json").read_text()
                n_read += 1
            except OSError as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(60):
        complete(tmp_path)
    stop.set()
    reader.join()
    assert errors == []
    assert n_read > 0


def test_all_three_links_move_in_one_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = complete(tmp_path)
    run = RunDirectory.create(tmp_path, "lookup")
    stage(run)
    replaced = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        before = {name: (tmp_path / name).resolve().parent.name for name in ("models", "results", "logs")}
        replace(source, target)
        after = {name: (tmp_path / name).resolve().parent.name for name in ("models", "results", "logs")}
        replaced.append((set(before.values()), set(after.values())))

    monkeypatch.setattr(os, "replace", watched)
    run.publish()
    assert replaced == [({first.run_id}, {run.run_id})]


@pytest.mark.parametrize(("call", "n_before"), [("rename", 0), ("rename", 1), ("replace", 0)])
def test_a_publication_that_breaks_off_leaves_the_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, n_before: int
) -> None:
    first = complete(tmp_path)
    run = RunDirectory.create(tmp_path, "lookup")
    stage(run)
    real, targets = getattr(os, call), []

    def failing(source: Path, target: Path) -> None:
        targets.append(target)
        if len(targets) > n_before:
            raise OSError("no more")
        real(source, target)

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(OSError, match="no more"), run:
        run.publish()
    assert shown_run(tmp_path) == first.path
    assert (tmp_path / "results" / "run.json").read_text() == first.run_id
    assert sorted(os.listdir(tmp_path)) == ["latest", "logs", "models", "results", "runs"]
    kept = ["logs", "models", "results"] if call == "replace" else ["logs"]  # complete, only not shown, or nothing
    assert sorted(os.listdir(run.path)) == kept
    assert is_complete(run.path) is (call == "replace")
    assert not run.staging.exists()


def test_the_record_of_a_run_becomes_visible_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDirectory.create(tmp_path, "lookup")
    stage(run)
    real, seen = os.rename, []

    def watched(source: Path, target: Path) -> None:
        real(source, target)
        seen.append((target.name, is_complete(run.path)))

    monkeypatch.setattr(os, "rename", watched)
    run.publish()
    assert seen == [("models", False), ("results", True)]


def test_a_failed_run_keeps_only_its_log(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunDirectory.create(tmp_path, "lookup") as run:
        stage(run)
        raise ZeroDivisionError
    assert [str(path.relative_to(run.path)) for path in run.path.rglob("*")] == ["logs", "logs/run.log"]
    assert links(tmp_path) == {}
    assert newest_complete(tmp_path) is None


def test_bad_input_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError), RunDirectory.create(tmp_path, "lookup"):
        raise InputError("peaks.csv: no rows")
    assert os.listdir(tmp_path / "runs") == []


@pytest.mark.parametrize("name", ["models", "results", "logs", "latest"])
@pytest.mark.parametrize("kind", ["folder", "file", "link to"])
def test_what_stands_in_the_way_of_a_link_is_named_before_anything_is_made(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / name
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to("elsewhere")
    with pytest.raises(InputError, match=f"{path}: a .*{kind}.*move it away"):
        RunDirectory.create(tmp_path, "lookup")
    assert os.listdir(tmp_path) == [name]


def test_all_obstacles_are_listed_at_once(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError) as caught:
        RunDirectory.create(tmp_path, "lookup")
    assert len(caught.value.problems) == 2


def test_an_output_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        RunDirectory.create(tmp_path / "file" / "output", "lookup")


@pytest.mark.parametrize(("free_mb", "fits"), [(355, False), (356, True)])
def test_a_disk_that_is_nearly_full_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, fits: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, free_mb * 1_000_000))
    if fits:
        assert RunDirectory.create(tmp_path, "lookup", trace_mb=100).staging.is_dir()
        return
    with pytest.raises(InputError, match="355 MB free, but the run may need 356 MB"):
        RunDirectory.create(tmp_path, "lookup", trace_mb=100)


def test_a_file_system_without_links_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(InputError, match="no symbolic links; choose another --output"):
        RunDirectory.create(tmp_path, "lookup")


def test_run_ids_sort_by_time_and_differ() -> None:
    earlier = new_run_id("generative")
    threading.Event().wait(0.001)  # longer than the clock's step
    later = new_run_id("calibrated")
    assert earlier < later
    assert earlier.isascii()
    assert earlier.replace("-", "").isalnum()
    assert len({new_run_id("lookup") for _ in range(20)}) == 20


def test_runs_are_found_by_name_beginning_and_path(tmp_path: Path) -> None:
    first, second = complete(tmp_path), complete(tmp_path)
    assert find_run(tmp_path) == second.path
    assert find_run(tmp_path, first.run_id) == first.path
    assert find_run(tmp_path, first.run_id[:-1]) == first.path
    assert find_run(tmp_path / "other", str(first.path)) == first.path


def test_a_run_that_cannot_be_shown_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no complete run yet"):
        find_run(tmp_path)
    first = complete(tmp_path)
    complete(tmp_path)
    unfinished = RunDirectory.create(tmp_path, "softmax")
    with pytest.raises(InputError, match="3 runs begin so"):
        find_run(tmp_path, first.run_id[:4])
    with pytest.raises(InputError, match="is not complete"):
        find_run(tmp_path, unfinished.run_id)
    for name in ("1999", "", str(tmp_path / "nowhere")):
        with pytest.raises(InputError, match=f"runs: .*{first.run_id}"):
            find_run(tmp_path, name)


def test_the_newest_run_is_found_after_the_shown_one_was_deleted(tmp_path: Path) -> None:
    first, second = complete(tmp_path), complete(tmp_path)
    shutil.rmtree(second.path)
    assert shown_run(tmp_path) is None
    assert newest_complete(tmp_path) == first.path
    third = complete(tmp_path)
    assert shown_run(tmp_path) == third.path
