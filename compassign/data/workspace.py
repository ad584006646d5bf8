"""The datasets that can be run: demonstrations, those kept in the workspace, and folders elsewhere on this machine.

Layout of `OUTPUT/datasets`: a folder for each dataset that was handed in and found valid; `.uploads/TOKEN/NAME` for
those that still have problems; `registered.json`, which says where the folders elsewhere are.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

from filelock import FileLock

from compassign.config import Difficulty
from compassign.data.bundled import DIFFICULTIES, demo_dataset
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.data.raw import show_value
from compassign.data.regional import rewrite_regional
from compassign.data.uploads import KNOWN_FILES, refuse_large_tables, unpack
from compassign.errors import InputError
from compassign.files import written_whole

DATASETS = "datasets"
REGISTER = "registered.json"
UPLOADS = ".uploads"
LEFT_OUT, REWRITTEN = "left_out.json", "rewritten.json"  # notes of an upload, beside its folder
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _.-]{0,58}[A-Za-z0-9_-])?")
_NAME_RULE = "1 to 60 letters of a to z, digits, blanks, _ - and ., not beginning or ending with a blank or ."
_TOKEN = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Source:
    """A dataset that can be run; exactly one of folder and difficulty is given.

    kind : `folder` was handed in and is in the workspace, `path` is elsewhere on this machine.
    """

    name: str
    kind: Literal["demo", "folder", "path"]
    folder: Path | None = None
    difficulty: Difficulty | None = None

    def stamp(self) -> tuple[str, ...]:
        """Changes whenever one of its files does."""
        return (self.name, self.difficulty or "") if self.folder is None else folder_stamp(self.folder)

    def load(self) -> Dataset:
        """The validated dataset; raises InputError with every problem."""
        if self.difficulty is not None:
            return demo_dataset(self.difficulty)
        if self.folder is None:
            raise InputError(f"{self.name}: neither a folder nor a demonstration")
        return load_dataset(self.folder)


@dataclass(frozen=True)
class Upload:
    """Files that were handed in and are no dataset yet; token : names it in links.

    left_out : files that are none. rewritten : how files were written that had another form of CSV.
    """

    token: str
    name: str
    folder: Path
    left_out: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()

    def files(self) -> list[str]:
        """Names of its files."""
        return sorted(path.name for path in self.folder.iterdir())


def folder_stamp(folder: Path) -> tuple[str, ...]:
    """A text for each file of a dataset's folder that changes when the file does."""
    try:
        stats = [(path, path.stat()) for path in sorted(folder.iterdir()) if path.name in KNOWN_FILES]
    except OSError:
        stats = []  # the loader says what is wrong with it
    return (str(folder), *(f"{path.name} {about.st_mtime_ns} {about.st_size}" for path, about in stats))


def dataset_key(output: Path, folder: Path | None, difficulty: str) -> str:
    """The name under which labels of a dataset are stored, the same whatever its tables hold.

    A dataset of the workspace keeps it when the workspace is moved or restored elsewhere; one elsewhere on this machine
    is known by its path, a demonstration (folder None) by its difficulty.
    """
    if folder is None:
        return f"demo/{difficulty}"
    real, own = os.path.realpath(folder.expanduser()), os.path.realpath(output / DATASETS)
    return f"{DATASETS}/{os.path.relpath(real, own)}" if Path(real).parent == Path(own) else real


def list_sources(output: Path) -> list[Source]:
    """Every dataset that can be run: own ones by name, then the demonstrations."""
    kept = [Source(path.name, "folder", path) for path in _folders(output / DATASETS)]
    elsewhere = [Source(name, "path", Path(path)) for name, path in _registered(output).items()]
    demos = [Source(difficulty, "demo", difficulty=difficulty) for difficulty in DIFFICULTIES]
    return [*sorted([*kept, *elsewhere], key=lambda source: source.name.lower()), *demos]


def receive(output: Path, files: Mapping[str, BinaryIO], name: str, made: Sequence[str] = ()) -> Upload:
    """Keep what a person hands in, unchecked: one zip, or tables under the names that the contract gives them.

    name : wanted for the dataset. made : what is worth saying of tables that were made from others.
    Raises InputError, and keeps nothing, for files that cannot be part of a dataset.
    """
    _check_name(output, name)
    token = secrets.token_hex(8)
    folder = output / DATASETS / UPLOADS / token / name
    try:
        folder.mkdir(parents=True)
        left_out = _store(files, folder)
        refuse_large_tables(folder)
        rewritten = (*made, *_rewrite(folder))
        _keep_note(folder.parent / LEFT_OUT, left_out)
        _keep_note(folder.parent / REWRITTEN, rewritten)
    except OSError as error:
        shutil.rmtree(folder.parent, ignore_errors=True)
        raise InputError(f"the upload cannot be kept ({error.strerror}); is there space in {output}?") from error
    except InputError:
        shutil.rmtree(folder.parent, ignore_errors=True)
        raise
    return Upload(token, name, folder, left_out, rewritten)


def _store(files: Mapping[str, BinaryIO], folder: Path) -> tuple[str, ...]:
    """Write the files; returns the names of those that were left out of a zip."""
    if len(files) == 1 and next(iter(files)).lower().endswith(".zip"):
        return unpack(next(iter(files.values())), folder)
    problems = [
        f"{show_value(file)}: expected a zip alone, or tables such as peaks.csv"
        for file in files
        if file not in KNOWN_FILES
    ]
    if problems or not files:
        raise InputError(problems or "no file was given")
    for file, content in files.items():
        with (folder / file).open("xb") as target:
            shutil.copyfileobj(content, target)
    return ()


def replace_files(upload: Upload, files: Mapping[str, BinaryIO]) -> Upload:
    """Put corrected tables in place of those of an upload, or beside them; raises InputError for other files."""
    wrong = [f"{show_value(file)}: expected a table such as peaks.csv" for file in files if file not in KNOWN_FILES]
    if wrong:
        raise InputError(wrong)
    for file, content in files.items():
        with written_whole(upload.folder / file) as temporary, temporary.open("wb") as target:
            shutil.copyfileobj(content, target)
    refuse_large_tables(upload.folder)
    changed = replace(upload, rewritten=tuple(dict.fromkeys((*upload.rewritten, *_rewrite(upload.folder)))))
    _keep_note(upload.folder.parent / REWRITTEN, changed.rewritten)
    return changed


def _rewrite(folder: Path) -> tuple[str, ...]:
    """Give every CSV file the form of the contract; returns what each had that was in another."""
    found = {file.name: rewrite_regional(file) for file in sorted(folder.glob("*.csv"))}
    return tuple(f"{file}: {form}" for file, form in found.items() if form)


def list_uploads(output: Path) -> list[Upload]:
    """What was handed in and is no dataset yet, the oldest first."""
    uploads = []
    for parent in sorted((output / DATASETS / UPLOADS).glob("*"), key=os.path.getmtime):
        folders = _folders(parent)
        if _TOKEN.fullmatch(parent.name) and folders:
            uploads.append(
                Upload(
                    parent.name, folders[0].name, folders[0], *(_note(parent / file) for file in (LEFT_OUT, REWRITTEN))
                )
            )
    return uploads


def admit(output: Path, upload: Upload) -> Source:
    """Make a valid upload a dataset; raises InputError with every problem, and keeps the upload, if it is none."""
    load_dataset(upload.folder)
    target = output / DATASETS / upload.name
    with _locked(output):
        _check_name(output, upload.name)
        os.rename(upload.folder, target)
    drop(upload)
    return Source(upload.name, "folder", target)


def drop(upload: Upload) -> None:
    """Remove an upload for good."""
    shutil.rmtree(upload.folder.parent, ignore_errors=True)


def register(output: Path, name: str, folder: Path) -> Source:
    """Remember a folder elsewhere on this machine, which is not copied; raises InputError if it is no valid dataset."""
    absolute = Path(os.path.abspath(folder.expanduser()))
    _check_name(output, name)
    load_dataset(absolute)
    with _locked(output):
        _check_name(output, name)
        _write_register(output, {**_registered(output), name: str(absolute)})
    return Source(name, "path", absolute)


def remove(output: Path, source: Source) -> None:
    """Take a dataset off the list: one in the workspace is deleted, a folder elsewhere is only forgotten."""
    with _locked(output):
        if source.kind == "path":
            kept = {name: path for name, path in _registered(output).items() if name != source.name}
            _write_register(output, kept)
        elif source.kind == "folder" and source.folder is not None:
            shutil.rmtree(source.folder, ignore_errors=True)


def suggest_name(output: Path, wanted: str) -> str:
    """A name that a dataset can have, near the one that is wanted."""
    letters = re.sub(r"[^A-Za-z0-9 _.-]", "_", wanted).strip(" ._-")[:50].rstrip(" ._-") or "dataset"
    taken = {source.name.lower() for source in list_sources(output)}
    names = (f"{letters}{'' if i == 1 else f' {i}'}" for i in range(1, len(taken) + 2))
    return next(name for name in names if name.lower() not in taken)


def _check_name(output: Path, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(f"name {show_value(name)}: expected {_NAME_RULE}")
    # a file system may not tell A from a
    if name.lower() in {source.name.lower() for source in list_sources(output)}:
        raise InputError(f"name {show_value(name)}: there is a dataset of this name already; choose another")


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return [path for path in sorted(parent.iterdir()) if path.is_dir() and _NAME.fullmatch(path.name)]


def _keep_note(file: Path, lines: tuple[str, ...]) -> None:
    if lines:
        file.write_text(json.dumps(lines), encoding="utf-8")


def _note(file: Path) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(file.read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return ()


def _registered(output: Path) -> dict[str, str]:
    """Name -> path of the folders elsewhere; none where the register is gone or spoilt."""
    try:
        content = json.loads((output / DATASETS / REGISTER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(path) for name, path in content.items()} if isinstance(content, dict) else {}


def _write_register(output: Path, paths: Mapping[str, str]) -> None:
    with written_whole(output / DATASETS / REGISTER) as temporary:
        temporary.write_text(json.dumps(paths, indent=2), encoding="utf-8")


@contextmanager
def _locked(output: Path) -> Iterator[None]:
    """Let one process at a time change the list of datasets; raises InputError if the folder cannot be written."""
    try:
        (output / DATASETS).mkdir(parents=True, exist_ok=True)
        with FileLock(output / DATASETS / ".lock"):
            yield
    except OSError as error:
        raise InputError(f"{output / DATASETS}: cannot be written ({error.strerror})") from error
