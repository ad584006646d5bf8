"""The table of runs and its transitions."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compassign.errors import StoreError
from compassign.sampling_progress import ChainProgress, SamplingProgress
from compassign.store.database import URL_VARIABLE
from compassign.store.records import ENDED, Ending, EndStatus, NewRun, Process, RunState
from compassign.store.runs import RunStore

PROCESS = Process("here", 12, 12)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return RunStore.open(tmp_path)


def new_run(run_id: str) -> NewRun:
    return NewRun(run_id, "a title", "lookup", "demo", {"model": "lookup", "adducts": ["[M+H]+"]}, "ada")


def test_what_is_added_comes_back(store: RunStore) -> None:
    before = datetime.now(UTC)
    row = store.add(new_run("r1"))
    assert row == store.get("r1")
    assert (row.status, row.title, row.owner, row.dataset) == ("queued", "a title", "ada", "demo")
    assert row.config == {"model": "lookup", "adducts": ["[M+H]+"]}
    assert before <= row.created_at <= datetime.now(UTC)
    assert row.created_at.utcoffset() == timedelta(0)
    assert row.started_at is None


def test_a_run_that_already_runs_is_never_queued(store: RunStore) -> None:
    row = store.add(new_run("r1"), PROCESS)
    assert (row.status, row.pid, row.host) == ("running", 12, "here")
    assert store.claim(limit=5) is None


def test_an_unknown_run_is_named(store: RunStore) -> None:
    with pytest.raises(StoreError, match="r9: no such run"):
        store.get("r9")


def test_the_same_id_twice_is_refused(store: RunStore) -> None:
    store.add(new_run("r1"))
    with pytest.raises(StoreError, match="UNIQUE"):
        store.add(new_run("r1"))


def test_the_oldest_is_claimed_first_and_no_more_than_the_limit(store: RunStore) -> None:
    for run_id in ("r2", "r1", "r3"):
        store.add(new_run(run_id))
    first, second = store.claim(limit=2), store.claim(limit=2)
    assert first is not None
    assert second is not None
    assert [first.id, second.id] == ["r2", "r1"]
    assert first.status == "running"
    assert store.claim(limit=2) is None
    assert [row.id for row in store.rows("queued")] == ["r3"]
    store.finish("r2", Ending("done"))
    third = store.claim(limit=2)
    assert third is not None
    assert third.id == "r3"


def test_two_processes_that_claim_at_once_get_different_runs(store: RunStore, tmp_path: Path) -> None:
    n_runs = 30
    for number in range(n_runs):
        store.add(new_run(f"r{number:02}"))
    program = (
        "import sys; from pathlib import Path; from compassign.store.runs import RunStore\n"
        "store = RunStore.open(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.readline()\n"
        "while row := store.claim(limit=25): print(row.id, flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    claimed = [process.communicate(timeout=20)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(claimed[0] + claimed[1]) == [f"r{number:02}" for number in range(25)]


def test_only_one_process_attaches_to_a_claimed_run(store: RunStore) -> None:
    store.add(new_run("r1"))
    assert not store.attach("r1", PROCESS)  # nobody has claimed it
    store.claim(limit=1)
    assert store.attach("r1", PROCESS)
    assert not store.attach("r1", Process("here", 13, 13))
    assert store.get("r1").pid == 12


def test_progress_comes_back_with_its_chains(store: RunStore) -> None:
    created = store.add(new_run("r1"), PROCESS)
    sampling = SamplingProgress(
        (ChainProgress(0, 10, 500, True, 2, 0.25), ChainProgress(1, 11, 500, True, 0, 0.5)), 9.5
    )
    assert not store.beat("r1", RunState("fit", 0.4, "10 of 500", sampling))
    row = store.get("r1")
    assert (row.stage, row.fraction, row.detail, row.progress) == ("fit", 0.4, "10 of 500", sampling)
    assert row.heartbeat_at is not None
    assert created.heartbeat_at is not None
    assert row.heartbeat_at > created.heartbeat_at
    store.beat("r1", RunState("results"))
    assert store.get("r1").progress is None


def test_a_running_run_is_asked_to_stop_and_ends_by_itself(store: RunStore) -> None:
    store.add(new_run("r1"), PROCESS)
    assert store.request_cancel("r1").status == "running"
    assert store.beat("r1", RunState("fit"))
    assert store.finish("r1", Ending("cancelled"))
    assert store.get("r1").status == "cancelled"


def test_a_queued_run_is_cancelled_at_once_and_never_claimed(store: RunStore) -> None:
    store.add(new_run("r1"))
    row = store.request_cancel("r1")
    assert (row.status, row.cancel_requested) == ("cancelled", True)
    assert row.finished_at is not None
    assert store.claim(limit=1) is None


@pytest.mark.parametrize("status", ENDED)
def test_what_has_ended_stays_as_it_is(store: RunStore, status: EndStatus) -> None:
    store.add(new_run("r1"), PROCESS)
    assert store.finish("r1", Ending(status, "converged", "why", {"dataset_hash": "d"}))
    ended = store.get("r1")
    assert (ended.status, ended.verdict, ended.error, ended.dataset_hash) == (status, "converged", "why", "d")
    for other in ENDED:
        assert not store.finish("r1", Ending(other))
    assert not store.attach("r1", PROCESS)
    assert store.beat("r1", RunState("fit"))  # a process that goes on is told to stop
    assert store.request_cancel("r1") == ended
    assert store.get("r1") == ended


def test_a_queued_run_cannot_end_by_itself(store: RunStore) -> None:
    store.add(new_run("r1"))
    assert not store.finish("r1", Ending("done"))
    assert store.get("r1").status == "queued"


def test_archived_and_deleted_runs_leave_the_list_but_keep_their_row(store: RunStore) -> None:
    for run_id in ("r1", "r2", "r3"):
        store.add(new_run(run_id), PROCESS)
    assert not store.archive("r1")
    assert not store.delete("r1")
    for run_id in ("r1", "r2"):
        store.finish(run_id, Ending("done"))
    assert store.archive("r1")
    assert store.delete("r2")
    assert [row.id for row in store.rows()] == ["r3"]
    assert [row.id for row in store.rows(archived=True)] == ["r1"]
    assert store.get("r2").config == new_run("r2").config
    assert store.archive("r1", archived=False)
    assert [row.id for row in store.rows()] == ["r3", "r1"]


def test_a_run_from_elsewhere_is_listed_and_a_deleted_one_comes_back(store: RunStore) -> None:
    then = datetime(2026, 1, 2, tzinfo=UTC)
    row = store.adopt(new_run("old"), Ending("done", "converged", hashes={"dataset_hash": "d"}), then)
    assert (row.status, row.verdict, row.dataset_hash, row.started_at) == ("done", "converged", "d", then)
    assert store.archive("old")
    assert store.rows() == []
    assert [row.id for row in store.rows(archived=None)] == ["old"]
    assert store.delete("old")
    assert store.rows(archived=None) == []
    store.adopt(new_run("old"), Ending("done"), then)
    assert [(row.id, row.verdict) for row in store.rows(archived=None)] == [("old", "converged")]
