"""A workspace that is backed up and restored is the same one, and nothing else can come of a backup."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from compassign.cli import main
from compassign.config import RunConfig
from compassign.errors import InputError
from compassign.jobs.recording import new_run
from compassign.runs import RunDirectory, shown_run
from compassign.store.database import DATABASE_NAME, URL_VARIABLE
from compassign.store.records import Ending, Process
from compassign.store.runs import RunStore
from compassign.workspace_backup import MANIFEST, list_backups, new_backup_path, restore_backup, write_backup

HERE = Process("elsewhere", 1, 1)
DONE, RUNNING, PUBLISHED, QUEUED = "1-done", "2-running", "3-published", "4-queued"


@pytest.fixture(autouse=True)
def no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)


def publish(output: Path, run_id: str) -> None:
    directory = RunDirectory.create(output, "lookup", run_id=run_id)
    (directory.staging / "results" / "run.json").write_text("{}")
    (directory.staging / "results" / "assignment_metrics.json").write_text('{"verdict": "suspect"}')
    (directory.staging / "models" / "assignment_trace.nc").write_bytes(os.urandom(3000))
    directory.log.write_text(f"log of {run_id}\n")
    directory.publish()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A workspace with runs that are done, running, published but not yet recorded, and queued."""
    folder = tmp_path / "output"
    store = RunStore.open(folder)
    for run_id in (DONE, RUNNING, PUBLISHED):
        store.add(new_run(RunConfig(model="lookup"), run_id), HERE)
    store.add(new_run(RunConfig(model="lookup"), QUEUED, owner="Ada"))
    publish(folder, PUBLISHED)
    publish(folder, DONE)
    store.finish(DONE, Ending("done", "converged"))
    RunDirectory.create(folder, "lookup", run_id=RUNNING).log.write_text("so far\n")
    (folder / "datasets" / "my study").mkdir(parents=True)
    (folder / "datasets" / "my study" / "peaks.csv").write_text("peak_id\n=1+1\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Relative path -> content of every file that is not the database; of a link its target."""
    return {
        str(path.relative_to(folder)): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or path.is_file()) and not path.name.startswith(DATABASE_NAME)
    }


def test_what_goes_in_comes_out(output: Path, tmp_path: Path) -> None:
    shares: list[float] = []
    before = contents(output)
    done = write_backup(output, tmp_path / "b.zip", shares.append)
    assert (done.n_runs, done.notes) == (2, ())
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert contents(output) == before
    restored = restore_backup(done.path, tmp_path / "new" / "place", shares.append)
    assert contents(restored.path) == before
    assert shown_run(restored.path) == restored.path / "runs" / DONE
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["place"]


def test_rows_come_along_and_runs_that_were_running_have_ended(output: Path, tmp_path: Path) -> None:
    before = {row.id: row for row in RunStore.open(output).rows()}
    write_backup(output, tmp_path / "b.zip")
    restored = restore_backup(tmp_path / "b.zip", tmp_path / "new")
    after = {row.id: row for row in RunStore.open(tmp_path / "new").rows()}
    assert after.keys() == before.keys()
    assert after[DONE] == before[DONE]
    assert (after[RUNNING].status, after[PUBLISHED].status) == ("failed", "done")
    assert after[PUBLISHED].verdict == "suspect"
    assert "still running when the backup was made" in str(after[RUNNING].error)
    assert (after[QUEUED].status, after[QUEUED].owner) == ("cancelled", "Ada")
    assert "restored" in str(after[QUEUED].error)
    assert RunStore.open(tmp_path / "new").claim(limit=4) is None
    assert len(restored.notes) == 3
    assert RunStore.open(output).get(QUEUED).status == "queued"
    assert RunStore.open(output).get(RUNNING).status == "running"


def test_changes_that_are_not_yet_in_the_database_file_are_in_the_backup(output: Path, tmp_path: Path) -> None:
    store = RunStore.open(output)
    with store.engine.connect():  # keeps the write-ahead log from being merged
        store.add(new_run(RunConfig(model="lookup"), "5-late"))
        write_backup(output, tmp_path / "b.zip")
    restore_backup(tmp_path / "b.zip", tmp_path / "new")
    assert RunStore.open(tmp_path / "new").get("5-late").status == "cancelled"  # as all that were queued


def test_a_backup_does_not_contain_backups_nor_follow_links(output: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (output / "datasets" / "elsewhere").symlink_to(tmp_path)
    first = write_backup(output, new_backup_path(output))
    assert "Without 1 link(s)" in first.notes[0]
    second = write_backup(output, output / "in the way.zip")
    with zipfile.ZipFile(second.path) as archive:
        assert not [name for name in archive.namelist() if "secret" in name or ".zip" in name or "/." in name]
    assert list_backups(output) == [first.path]


def test_a_server_s_database_needs_a_backup_of_its_own(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, "postgresql+psycopg://nowhere.invalid/runs")
    monkeypatch.setattr("compassign.store.database.sa.create_engine", lambda url, **_: FakeServer())
    done = write_backup(output, tmp_path / "b.zip")
    assert "needs a backup of its own (pg_dump)" in done.notes[0]
    restored = restore_backup(tmp_path / "b.zip", tmp_path / "new")
    assert "no list of runs" in restored.notes[0]
    assert not (tmp_path / "new" / DATABASE_NAME).exists()


class FakeServer:
    class dialect:  # noqa: N801  # as of an engine
        name = "postgresql"


def test_a_folder_that_holds_anything_is_left_alone(output: Path, tmp_path: Path) -> None:
    write_backup(output, tmp_path / "b.zip")
    before = contents(output)
    with pytest.raises(InputError, match="not empty"):
        restore_backup(tmp_path / "b.zip", output)
    assert contents(output) == before
    (tmp_path / "empty").mkdir()
    assert restore_backup(tmp_path / "b.zip", tmp_path / "empty").n_runs == 2


def rewritten(source: Path, target: Path, change: Callable[[zipfile.ZipFile], None]) -> Path:
    """A backup to which something was added."""
    target.write_bytes(source.read_bytes())
    with zipfile.ZipFile(target, "a") as archive:
        change(archive)
    return target


def link_entry(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("runs/link")
    info.external_attr = 0o120777 << 16
    archive.writestr(info, "/etc")


@pytest.mark.parametrize(
    "name", ["../out.txt", "/srv/out.txt", "runs/../../out.txt", "runs\\..\\out.txt", "C:/out.txt", "results/x", ""]
)
def test_a_name_that_leads_out_is_refused_before_anything_is_written(name: str, output: Path, tmp_path: Path) -> None:
    write_backup(output, tmp_path / "b.zip")
    bad = rewritten(tmp_path / "b.zip", tmp_path / "bad.zip", lambda archive: archive.writestr(name, "x"))
    with pytest.raises(InputError, match="does not belong into a backup"):
        restore_backup(bad, tmp_path / "deep" / "new")
    assert not (tmp_path / "deep").exists()


def test_a_link_in_a_backup_is_refused(output: Path, tmp_path: Path) -> None:
    write_backup(output, tmp_path / "b.zip")
    with pytest.raises(InputError, match="runs/link"):
        restore_backup(rewritten(tmp_path / "b.zip", tmp_path / "bad.zip", link_entry), tmp_path / "new")


@pytest.mark.parametrize("latest", ["../../etc", "..", "", 7, None])
def test_the_newest_run_of_a_manifest_cannot_lead_out(latest: object, output: Path, tmp_path: Path) -> None:
    write_backup(output, tmp_path / "b.zip")
    with (
        zipfile.ZipFile(tmp_path / "b.zip") as source,
        zipfile.ZipFile(tmp_path / "bad.zip", "w") as target,
    ):
        for name in source.namelist():
            target.writestr(
                name, source.read(name) if name != MANIFEST else json.dumps({"format": 1, "latest": latest})
            )
    restore_backup(tmp_path / "bad.zip", tmp_path / "new")
    assert not (tmp_path / "new" / "latest").is_symlink()


def test_a_damaged_backup_leaves_nothing_behind(output: Path, tmp_path: Path) -> None:
    write_backup(output, tmp_path / "b.zip")
    content = bytearray((tmp_path / "b.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        offset = archive.getinfo(f"runs/{DONE}/models/assignment_trace.nc").header_offset
    content[offset + 1000] ^= 0xFF
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(InputError, match="cannot be restored"):
        restore_backup(tmp_path / "b.zip", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip", "output"]


@pytest.mark.parametrize("content", [b"", b"not a zip"])
def test_a_file_that_is_no_backup_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"b\.zip: cannot be restored"):
        restore_backup(tmp_path / "b.zip", tmp_path / "new")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("peaks.csv", "x")
    with pytest.raises(InputError, match="not a backup of compassign"):
        restore_backup(tmp_path / "b.zip", tmp_path / "new")
    with pytest.raises(InputError, match="cannot be restored"):
        restore_backup(tmp_path / "nowhere.zip", tmp_path / "new")


def test_a_second_list_of_runs_is_refused(output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_backup(output, tmp_path / "b.zip")
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(InputError, match="unset it first"):
        restore_backup(tmp_path / "b.zip", tmp_path / "new")


def test_the_commands_do_the_same(output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code in (
        (("backup", str(tmp_path / "b.zip"), "--output", str(output)), 0),
        (("restore", str(tmp_path / "b.zip"), "--output", str(tmp_path / "new")), 0),
        (("restore", str(tmp_path / "b.zip"), "--output", str(output)), 2),
        (("backup", str(tmp_path), "--output", str(output)), 2),
        (("backup", str(tmp_path / "c.zip"), "--output", str(tmp_path / "nowhere")), 2),
    ):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == code
    said = capsys.readouterr()
    assert "Written:" in said.out
    assert "2 complete runs" in said.out
    assert "not empty" in said.err
    assert shown_run(tmp_path / "new") == tmp_path / "new" / "runs" / DONE
