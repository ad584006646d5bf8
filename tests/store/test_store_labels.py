"""The table of label events: nothing is lost, nothing is there twice, nothing changes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import sqlalchemy as sa
from label_makers import BASE, DATASET, label

from compassign.errors import InputError, StoreError
from compassign.label_events import LabelEvent, NewLabel, fold, snapshot
from compassign.store import database, labels
from compassign.store.backup import copy_database
from compassign.store.database import DATABASE_NAME, URL_VARIABLE, transaction
from compassign.store.labels import LEASE, LabelStore
from compassign.store.records import Ending, NewRun, Process
from compassign.store.runs import RunStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabelStore:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return LabelStore.open(tmp_path)


def content(stored: NewLabel) -> dict[str, Any]:
    return {name: value for name, value in vars(stored).items() if name not in ("id", "at")}


def test_what_is_stored_comes_back_with_every_column(store: LabelStore) -> None:
    full = label(
        "k1",
        kind="several",
        options=("C1", "Ç;2 <b>"),
        is_verified=True,
        run_id="r1",
        model_version="generative 1.2",
        probability=1 / 3,
        is_prelabel_visible=True,
        purpose="audit",
        inclusion_prob=0.1,
        seconds=2.5,
        note="'; DROP TABLE label_events; --\nsecond line",
        identification_level=2,
        mz=195.08770000000001,
    )
    before = datetime.now(UTC)
    stored = store.append(full)
    assert content(stored) == vars(full)
    assert before <= stored.at <= datetime.now(UTC)
    assert store.events(DATASET) == [stored]
    assert store.events("another") == []
    assert store.last_events() == {DATASET: stored.id}


def test_the_same_key_twice_stores_one_and_the_first_counts(store: LabelStore) -> None:
    first = store.append(label("k1"))
    assert store.append(label("k1")) == first
    assert store.append(label("k1", options=("C2",))) == first  # two keys pressed at once
    assert store.events(DATASET) == [first]
    for changes in ({"peak_id": "P2"}, {"annotator": "bob"}, {"dataset_key": "other"}):
        with pytest.raises(InputError, match="client_key 'k1' belongs to another question"):
            store.append(label("k1", **changes))


def test_only_ones_own_answers_about_the_dataset_can_be_undone(store: LabelStore) -> None:
    first = store.append(label("k1"))
    for changes in ({"annotator": "bob"}, {"dataset_key": "other"}, {"undoes": first.id + 7}):
        with pytest.raises(InputError, match="stored no such event"):
            store.append(label("k2", kind="undo", options=(), **{"undoes": first.id, **changes}))
    store.append(label("k3", kind="undo", options=(), undoes=first.id))
    assert fold(store.events(DATASET)).counting() == []
    assert len(store.events(DATASET)) == 2


def test_a_bad_answer_among_many_stores_none(store: LabelStore) -> None:
    with pytest.raises(InputError, match="stored no such event"):
        store.append_all([label("k1"), label("k2", kind="undo", options=(), undoes=99)])
    with pytest.raises(InputError, match="names 0 compounds"):
        store.append_all([label("k1"), label("k2", options=())])
    assert store.events(DATASET) == []
    assert [stored.client_key for stored in store.append_all([label("k1"), label("k2"), label("k1")])] == [
        "k1",
        "k2",
        "k1",
    ]
    assert len(store.events(DATASET)) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE label_events SET note = 'x'",
        "UPDATE label_events SET id = id + 1",
        "DELETE FROM label_events",
        "REPLACE INTO label_events SELECT * FROM label_events",
        "INSERT OR REPLACE INTO label_events SELECT id + 50, at, client_key, annotator, is_verified, dataset_key, "
        "dataset_hash, peak_id, injection, mz, rt_min, kind, options, adduct, is_adjudication, undoes, run_id, "
        "model_version, probability, is_prelabel_visible, purpose, inclusion_prob, seconds, note, identification_level "
        "FROM label_events",
    ],
)
def test_the_database_itself_refuses_every_change(store: LabelStore, tmp_path: Path, statement: str) -> None:
    stored = store.append(label("k1"))
    with pytest.raises(StoreError, match="append-only"), transaction(store.engine) as connection:
        connection.execute(sa.text(statement))
    with (
        closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as other,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        other.execute(statement)  # by any other program too
    assert store.events(DATASET) == [stored]


def test_a_clock_that_goes_backwards_changes_no_order(store: LabelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards(datetime):
        hours = 20

        @classmethod
        def now(cls, tz: Any = None) -> Self:
            cls.hours -= 1
            return cls(2026, 1, 1, cls.hours, tzinfo=tz)

    monkeypatch.setattr(labels, "datetime", Backwards)
    stored = [store.append(label(f"k{number}", options=(f"C{number}",))) for number in range(5)]
    assert [found.at.hour for found in stored] == [19, 18, 17, 16, 15]
    assert store.events(DATASET) == stored
    assert fold(store.events(DATASET)).counting() == [stored[-1]]
    named = snapshot(store.events(DATASET, last=stored[2].id))
    assert (named.last_event, store.events(DATASET, last=named.last_event)) == (stored[2].id, stored[:3])


def test_two_annotators_never_hold_the_same_peak(store: LabelStore) -> None:
    peaks = ["P1", "P2", "P3"]
    assert store.hold(DATASET, peaks, "ada", NOW) == "P1"
    assert store.hold(DATASET, peaks, "bob", NOW) == "P2"
    assert store.hold(DATASET, peaks, "ada", NOW) == "P1"  # a reload continues where one was
    assert store.hold(DATASET, ["P1", "P2"], "eve", NOW) is None
    assert store.hold("another", peaks, "eve", NOW) == "P1"
    assert store.hold(DATASET, ["P3"], "ada", NOW) == "P3"
    assert store.holders(DATASET, NOW) == {"P3": "ada", "P2": "bob"}


def test_a_peak_is_free_again_after_its_label_when_let_go_and_after_a_while(store: LabelStore) -> None:
    later = datetime.now(UTC)
    store.hold(DATASET, ["P1"], "ada", later)
    store.append(label("k1"))
    assert store.holders(DATASET, later) == {}
    store.hold(DATASET, ["P1"], "ada", later)
    store.let_go(DATASET, "ada")
    assert store.hold(DATASET, ["P1"], "bob", later) == "P1"
    almost, over = later + LEASE - timedelta(seconds=1), later + LEASE
    assert store.hold(DATASET, ["P1"], "eve", almost) is None
    assert store.hold(DATASET, ["P1"], "eve", over) == "P1"


def test_a_clock_that_goes_backwards_neither_gives_a_held_peak_away_nor_holds_it_for_ever(store: LabelStore) -> None:
    store.hold(DATASET, ["P1"], "ada", NOW)
    assert store.hold(DATASET, ["P1"], "bob", NOW - LEASE / 2) is None
    assert store.hold(DATASET, ["P1"], "bob", NOW - 100 * LEASE) == "P1"


WRITER = """
import sys
from pathlib import Path
from label_makers import label
from compassign.store.labels import LabelStore
store = LabelStore.open(Path(sys.argv[1])); print("ready", flush=True); sys.stdin.readline()
for number in range(10):
    store.append(label(f"shared {number}"))
    store.append(label(f"{sys.argv[2]} {number}", peak_id=f"{sys.argv[2]} {number}", annotator=sys.argv[2]))
    print(store.hold("d", ["P1", "P2", "P3"], sys.argv[2]), flush=True)
"""


def start(program: str, *words: str) -> subprocess.Popen[str]:
    folder = Path(__file__).resolve().parents[1]  # where label_makers is
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(folder)!r}]\n{program}", *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_write_at_once_lose_and_double_nothing(store: LabelStore, tmp_path: Path) -> None:
    names = ("ada", "bob")
    both = [start(WRITER, str(tmp_path), name) for name in names]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outputs = []
    with ThreadPoolExecutor(2) as pool:
        for output, _ in pool.map(lambda process: process.communicate("go\n", timeout=60), both):
            outputs.append(set(output.split()))
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0].isdisjoint(outputs[1])  # each held a peak all the time, never the other's
    keys = [found.client_key for found in store.events(DATASET)]
    expected = {f"{name} {number}" for name in ("shared", *names) for number in range(10)}
    assert len(keys) == len(expected)
    assert set(keys) == expected


CRASHES = """
import os, sys
from pathlib import Path
import sqlalchemy as sa
from label_makers import label
from compassign.store.labels import LabelStore
LabelStore.open(Path(sys.argv[1])).hold("datasets/my study", ["P1"], "ada")
for n_before in range(int(sys.argv[2])):
    child = os.fork()
    if not child:
        store, n_seen = LabelStore.open(Path(sys.argv[1])), 0
        def count(*_):
            global n_seen
            n_seen += 1
            if n_seen > n_before:
                os._exit(9)  # as by kill -9 or a power cut: nothing is tidied up
        sa.event.listen(store.engine, "before_cursor_execute", count)
        sa.event.listen(store.engine, "commit", count)
        store.append_all([label(f"{n_before} a", peak_id="P1"), label(f"{n_before} b", peak_id="P2")])
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_crash_between_any_two_statements_leaves_all_or_nothing(store: LabelStore, tmp_path: Path) -> None:
    n_places = 12
    output, _ = start(CRASHES, str(tmp_path), str(n_places)).communicate(timeout=60)
    codes = [int(code) for code in output.split()]
    n_crashed = codes.count(9)
    assert codes == [9] * n_crashed + [0] * (n_places - n_crashed)
    assert 6 <= n_crashed < n_places  # every statement was a place to crash, and then there was none left
    kept = [found.client_key for found in store.events(DATASET)]
    assert kept == [f"{number} {which}" for number in range(n_crashed, n_places) for which in "ab"]
    again = [label(f"0 {which}", peak_id=peak) for which, peak in (("a", "P1"), ("b", "P2"))]
    store.append_all(again)  # who got no answer asks again, with the same keys
    store.append_all(again)
    assert [found.client_key for found in store.events(DATASET)] == [*kept, "0 a", "0 b"]


def test_a_full_disk_loses_nothing_and_says_so(store: LabelStore) -> None:
    first = store.append(label("k0"))

    def fill(connection: sqlite3.Connection, _: object) -> None:
        n_pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {n_pages}")

    sa.event.listen(store.engine, "connect", fill)
    long = [label(f"k{number}", note="n" * 2000) for number in range(1, 20)]
    with pytest.raises(StoreError, match="the disk is full; nothing was changed"):
        store.append_all(long)
    assert store.events(DATASET) == [first]
    sa.event.remove(store.engine, "connect", fill)
    assert len(store.append_all(long)) == 19


def test_a_locked_database_is_waited_for_and_then_named(
    store: LabelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    hasty = LabelStore.open(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another process for 5 s; nothing was changed, try again"):
            hasty.append(label("k1"))
        assert hasty.events(DATASET) == []  # reading goes on
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(store.append, label("k1"))
            other.execute("COMMIT")
            assert waiting.result(timeout=20).client_key == "k1"
    assert hasty.append(label("k1")) == store.events(DATASET)[0]


def test_a_deleted_run_that_labels_refer_to_keeps_its_header(store: LabelStore, tmp_path: Path) -> None:
    runs = RunStore(store.engine)
    runs.add(NewRun("r1", "a title", "lookup", "my study", {"seed": 3}, "ada"), Process("here", 1, 1))
    runs.finish("r1", Ending("done"))
    stored = store.append(label("k1", run_id="r1"))
    assert runs.delete("r1")
    assert stored.run_id is not None
    assert (runs.get(stored.run_id).title, runs.get(stored.run_id).config) == ("a title", {"seed": 3})


def test_a_backup_holds_the_labels_and_refuses_to_change_them_too(store: LabelStore, tmp_path: Path) -> None:
    stored = store.append(label("k1"))
    (tmp_path / "restored").mkdir()
    assert copy_database(tmp_path, tmp_path / "restored" / DATABASE_NAME) == ""
    restored = LabelStore.open(tmp_path / "restored")
    assert restored.events(DATASET) == [stored]
    with pytest.raises(StoreError, match="append-only"), transaction(restored.engine) as connection:
        connection.execute(sa.text("DELETE FROM label_events"))
    later = restored.append(replace(BASE, client_key="k2"))
    assert later.id > stored.id


def test_labels_of_a_database_from_before_labels_can_be_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    runs = RunStore.open(tmp_path)
    runs.add(NewRun("r1", "a title", "lookup", "my study", {}, "ada"))
    with transaction(runs.engine) as connection:  # as the migration before left it
        for table in ("leases", "label_events"):
            connection.execute(sa.text(f"DROP TABLE {table}"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'r0002'"))
    stored: LabelEvent = LabelStore.open(tmp_path).append(label("k1"))
    assert json.loads(json.dumps(stored.options)) == ["C1"]
    assert [row.id for row in RunStore.open(tmp_path).rows()] == ["r1"]
