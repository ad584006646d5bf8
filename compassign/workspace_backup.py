"""Backup and restore of a whole workspace: its runs, datasets and logs, and the database that lists them, as one zip.

A restored workspace appears whole or not at all, in a folder that was empty or not there.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

import compassign
from compassign.errors import InputError, StoreError
from compassign.files import written_whole
from compassign.jobs.recording import ending
from compassign.runs import LATEST, LINKED_FOLDERS, RUNS, is_complete, shown_run
from compassign.store.backup import copy_database
from compassign.store.database import DATABASE_NAME, URL_VARIABLE
from compassign.store.records import Ending
from compassign.store.runs import RunStore

BACKUPS = "backups"
"""Folder of a workspace for its own backups, which no backup contains."""
MANIFEST = "compassign-backup.json"
FORMAT = 1
_COMPRESSED = frozenset([".nc", ".zip", ".parquet", ".gz", ".png"])  # not worth compressing again
_BLOCK = 1 << 20
_BYTES_PER_MB = 1_000_000
_UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError)

Advance = Callable[[float], object]
"""Is told the share of the bytes that are done, 0 to 1."""


@dataclass(frozen=True)
class Archived:
    """What a backup or a restored workspace holds; notes : what it lacks, and what was changed, for a person."""

    path: Path
    n_runs: int
    n_bytes: int
    notes: tuple[str, ...]

    def lines(self, what: str) -> list[str]:
        """Say what was done to whom, for a person; what : `Written` or `Restored`."""
        return [
            f"{what}: {self.path} ({self.n_runs} complete runs, {self.n_bytes / _BYTES_PER_MB:.1f} MB)",
            *self.notes,
        ]


def new_backup_path(output: Path) -> Path:
    """Where the workspace's next backup belongs, named by the time (UTC)."""
    return output / BACKUPS / f"compassign-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.zip"


def list_backups(output: Path) -> list[Path]:
    """The workspace's own backups, newest first."""
    return sorted((output / BACKUPS).glob("*.zip"), reverse=True)


def write_backup(output: Path, file: Path, advance: Advance = lambda share: None) -> Archived:
    """Write a workspace into a zip, whole or not at all; runs may be computed meanwhile, of those only logs are kept.

    Raises InputError if there is no such workspace, or it cannot be read or the file cannot be written.
    """
    if not output.is_dir():
        raise InputError(f"{output}: no such folder; it should hold the runs")
    if file.is_dir():
        raise InputError(f"{file}: a folder; give the name of the zip file to write")
    shown = shown_run(output)
    manifest = {
        "format": FORMAT,
        "version": compassign.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "latest": shown.name if shown else None,
    }
    try:
        # the database first: of a run that ends meanwhile there is rather too much than too little
        with written_whole(file) as temporary, tempfile.TemporaryDirectory(prefix=".", dir=file.parent) as folder:
            copy = Path(folder) / DATABASE_NAME
            lacking = copy_database(output, copy)
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as to:
                to.writestr(MANIFEST, json.dumps(manifest, indent=1))
                if not lacking:
                    to.write(copy, DATABASE_NAME)
                links = _write_files(to, output, file, advance)
            n_bytes = temporary.stat().st_size
    except OSError as error:
        raise InputError(f"{error.filename or file}: the backup cannot be made ({error.strerror})") from error
    except StoreError as error:
        raise InputError(str(error)) from error
    notes = ([f"Without the database: {lacking}."] if lacking else []) + _about_links(links)
    return Archived(file, sum(map(is_complete, (output / RUNS).glob("*"))), n_bytes, tuple(notes))


def _about_links(links: list[str]) -> list[str]:
    return [f"Without {len(links)} link(s), because they may lead out of the folder: {', '.join(links)}."] * bool(links)


def _write_files(archive: zipfile.ZipFile, output: Path, backup: Path, advance: Advance) -> list[str]:
    """Add the files of a workspace one by one; returns the links that were left out."""
    database = {DATABASE_NAME + ending for ending in ("", "-wal", "-shm", "-journal")}
    found = [path for path in _files(output) if str(path.relative_to(output)) not in database and path != backup]
    links = [str(path.relative_to(output)) for path in found if path.is_symlink()]
    sizes = {path: path.stat().st_size for path in found if not path.is_symlink() and path.is_file()}
    total, done = max(sum(sizes.values()), 1), 0
    for path, size in sizes.items():
        kind = zipfile.ZIP_STORED if path.suffix in _COMPRESSED else zipfile.ZIP_DEFLATED
        try:
            archive.write(path, path.relative_to(output), kind)
        except FileNotFoundError:
            pass  # its run was deleted meanwhile
        done += size
        advance(done / total)
    return [link for link in links if link not in {LATEST, *LINKED_FOLDERS}]


def _files(output: Path) -> Iterator[Path]:
    """Every file and link below a workspace but for its backups and what is hidden, which is not complete."""
    for folder, folders, files in os.walk(output):
        linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = sorted(
            name
            for name in folders
            if name not in linked and not name.startswith(".") and (name != BACKUPS or Path(folder) != output)
        )
        yield from (Path(folder, name) for name in sorted(files + linked) if not name.startswith("."))


def restore_backup(file: Path, output: Path, advance: Advance = lambda share: None) -> Archived:
    """Make a workspace of a backup, in a folder that is empty or not there yet.

    Raises InputError if the folder holds anything, the file is no backup or damaged, or one of its names would lead out
    of the folder.
    """
    output = Path(os.path.abspath(output))
    if os.path.lexists(output) and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output}: not empty; a backup is restored into an empty or new folder only")
    temporary = output.with_name(f".{output.name}.{secrets.token_hex(4)}.tmp")
    try:
        with zipfile.ZipFile(file) as archive:
            latest = _check(archive, file, output)
            temporary.mkdir(parents=True)
            _extract(archive, temporary, advance)
        notes = _settle(temporary)
        if latest is not None and is_complete(temporary / RUNS / latest):
            _link(temporary, latest)
        os.rename(temporary, output)  # fails where somebody has put anything there meanwhile
    except InputError:
        raise
    except _UNREADABLE as error:
        raise InputError(f"{file}: cannot be restored to {output} ({error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    runs = sum(map(is_complete, (output / RUNS).glob("*")))
    return Archived(output, runs, file.stat().st_size, tuple(notes))


def _check(archive: zipfile.ZipFile, file: Path, output: Path) -> str | None:
    """Refuse what is no backup of ours before anything is written; returns the run that the links showed."""
    if MANIFEST not in archive.namelist():
        raise InputError(f"{file}: not a backup of compassign: it has no {MANIFEST}")
    manifest = json.loads(archive.read(MANIFEST))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{file}: a backup of another version of compassign; this one reads format {FORMAT}")
    unsafe = [info.filename for info in archive.infolist() if _is_unsafe(info)]
    if unsafe:
        raise InputError([f"{file}: {name!r} does not belong into a backup, nothing was restored" for name in unsafe])
    if DATABASE_NAME in archive.namelist() and os.environ.get(URL_VARIABLE):
        raise InputError(f"{file}: brings its own list of runs, but {URL_VARIABLE} names another; unset it first")
    above = next(folder for folder in output.parents if folder.is_dir())
    needed, free = sum(info.file_size for info in archive.infolist()), shutil.disk_usage(above).free
    if needed > free:
        raise InputError(f"{output}: {free // _BYTES_PER_MB} MB free, {needed // _BYTES_PER_MB} MB are needed")
    latest = manifest.get("latest")
    return latest if isinstance(latest, str) and PurePosixPath(latest).parts == (latest,) else None


def _is_unsafe(info: zipfile.ZipInfo) -> bool:
    """Whether an entry could be written outside the folder, or where our own links belong."""
    name = info.orig_filename
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    is_outside = path.is_absolute() or ".." in path.parts or bool(windows.anchor) or "\\" in name or "\0" in name
    is_ours = bool(path.parts) and path.parts[0] in {LATEST, *LINKED_FOLDERS}
    kind = stat.S_IFMT(info.external_attr >> 16)
    return is_outside or is_ours or not path.parts or kind not in {0, stat.S_IFREG, stat.S_IFDIR}


def _extract(archive: zipfile.ZipFile, folder: Path, advance: Advance) -> None:
    """Write the files of a checked archive; reading each compares its checksum."""
    files = [info for info in archive.infolist() if not info.is_dir() and info.filename != MANIFEST]
    total, done = max(sum(info.file_size for info in files), 1), 0
    for info in files:
        target = folder.joinpath(*PurePosixPath(info.filename).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, target.open("xb") as to:
            shutil.copyfileobj(source, to, _BLOCK)
        done += info.file_size
        advance(done / total)


def _settle(output: Path) -> list[str]:
    """End the runs that the backup shows as running or queued.

    The processes of the former are not this workspace's to watch or kill; the latter nobody asked to start here.
    """
    if not (output / DATABASE_NAME).is_file():
        return ["The backup has no list of runs: results can be looked at, the history of runs is not there."]
    try:
        store = RunStore.open(output)
        running = store.rows("running")
        for row in running:
            path = output / RUNS / row.id
            gone = Ending("failed", error="it was still running when the backup was made")
            store.finish(row.id, ending(path, None) if is_complete(path) else gone)
        queued = store.rows("queued")
        for row in queued:
            store.request_cancel(row.id, "it waited in the queue when the backup was made that was restored here")
    except StoreError as error:
        raise InputError(f"the backup's list of runs cannot be used: {error}") from error
    return [
        *(f"{row.title}: was still running when the backup was made." for row in running),
        *(f"{row.title}: was still queued when the backup was made, and is cancelled." for row in queued),
    ]


def _link(output: Path, latest: str) -> None:
    (output / LATEST).symlink_to(f"{RUNS}/{latest}")
    for folder in LINKED_FOLDERS:
        (output / folder).symlink_to(f"{LATEST}/{folder}")
