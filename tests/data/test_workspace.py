"""The list of datasets: only valid ones get onto it, and nothing that was handed in is lost."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pytest

from compassign.data.workspace import (
    Source,
    admit,
    dataset_key,
    drop,
    list_sources,
    list_uploads,
    receive,
    register,
    remove,
    replace_files,
    suggest_name,
)
from compassign.errors import InputError

PEAKS = b"peak_id,species,polarity,mz,rt_min,intensity\np1,plasma,positive,132.1,2.0,10\n"
COMPOUNDS = b"compound_id,name,formula\nile,isoleucine,C6H13NO2\n"
DEMOS = ["easy", "medium", "hard"]


def files(peaks: bytes = PEAKS) -> Mapping[str, BinaryIO]:
    return {"peaks.csv": io.BytesIO(peaks), "compounds.csv": io.BytesIO(COMPOUNDS)}


def names(output: Path) -> list[str]:
    return [source.name for source in list_sources(output)]


def test_a_new_workspace_has_the_demonstrations(tmp_path: Path) -> None:
    assert names(tmp_path / "nowhere") == DEMOS
    assert len(list_sources(tmp_path)[1].load().peaks) > 0
    assert not (tmp_path / "nowhere").exists()


def test_a_valid_upload_becomes_a_dataset(tmp_path: Path) -> None:
    source = admit(tmp_path, receive(tmp_path, files(), "My study"))
    assert names(tmp_path) == ["My study", *DEMOS]
    assert source.folder == tmp_path / "datasets" / "My study"
    assert source.load().peaks["peak_id"].tolist() == ["p1"]
    assert list_uploads(tmp_path) == []


def test_an_invalid_upload_is_kept_until_it_is_mended(tmp_path: Path) -> None:
    upload = receive(tmp_path, files(PEAKS.replace(b"132.1", b"-1")), "study")
    with pytest.raises(InputError, match="row 2, column mz"):
        admit(tmp_path, upload)
    assert names(tmp_path) == DEMOS
    assert [(found.name, found.files()) for found in list_uploads(tmp_path)] == [
        ("study", ["compounds.csv", "peaks.csv"])
    ]
    replace_files(upload, {"peaks.csv": io.BytesIO(PEAKS)})
    admit(tmp_path, upload)
    assert names(tmp_path) == ["study", *DEMOS]


def test_a_dropped_upload_is_gone(tmp_path: Path) -> None:
    drop(receive(tmp_path, files(), "study"))
    assert list_uploads(tmp_path) == []
    assert not list((tmp_path / "datasets" / ".uploads").iterdir())


@pytest.mark.parametrize(
    "name",
    ["", "..", "../x", "a/b", "a\\b", ".hidden", " x", "x ", "<b>x</b>", "x" * 61, "ünï", "a\nb", "easy", "HARD"],
)
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        receive(tmp_path, files(), name)
    with pytest.raises(InputError, match="name"):
        register(tmp_path, name, tmp_path)
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.parametrize("given", [{}, {"../peaks.csv": io.BytesIO(PEAKS)}, {"x.csv": io.BytesIO(PEAKS)}])
def test_files_that_are_no_tables_leave_nothing_behind(tmp_path: Path, given: Mapping[str, BinaryIO]) -> None:
    with pytest.raises(InputError):
        receive(tmp_path, given, "study")
    assert list_uploads(tmp_path) == []
    assert not list(tmp_path.rglob("*.csv"))


def test_a_name_is_taken_once_whatever_its_case(tmp_path: Path) -> None:
    first, second = receive(tmp_path, files(), "study"), receive(tmp_path, files(), "Study")
    admit(tmp_path, first)
    with pytest.raises(InputError, match="already"):
        admit(tmp_path, second)
    assert [upload.name for upload in list_uploads(tmp_path)] == ["Study"]
    assert suggest_name(tmp_path, "study") == "study 2"


@pytest.mark.parametrize(("wanted", "expected"), [("", "dataset"), ("../<b>", "b"), ("a b", "a b"), ("easy", "easy 2")])
def test_a_suggested_name_can_be_one(tmp_path: Path, wanted: str, expected: str) -> None:
    assert suggest_name(tmp_path, wanted) == expected


def test_a_folder_elsewhere_is_remembered_and_not_copied(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name, content in files().items():
        (folder / name).write_bytes(content.read())
    output = tmp_path / "output"
    source = register(output, "other", folder)
    assert list_sources(output)[0] == source == Source("other", "path", folder)
    before = source.stamp()
    (folder / "peaks.csv").write_bytes(PEAKS.replace(b"132.1", b"13"))
    assert source.stamp() != before
    remove(output, source)
    assert names(output) == DEMOS
    assert (folder / "peaks.csv").exists()


def test_an_invalid_folder_is_not_remembered(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        register(tmp_path, "other", tmp_path / "nowhere")
    assert names(tmp_path) == DEMOS


def test_a_dataset_of_the_workspace_is_deleted(tmp_path: Path) -> None:
    source = admit(tmp_path, receive(tmp_path, files(), "study"))
    remove(tmp_path, source)
    assert names(tmp_path) == DEMOS
    assert not list(tmp_path.rglob("*.csv"))


@pytest.mark.parametrize("content", ["", "[]", "{", json.dumps({"a": 1})])
def test_a_spoilt_register_hides_no_dataset(tmp_path: Path, content: str) -> None:
    admit(tmp_path, receive(tmp_path, files(), "study"))
    (tmp_path / "datasets" / "registered.json").write_text(content)
    assert names(tmp_path)[-4:] == ["study", *DEMOS]


def test_labels_know_a_dataset_by_its_place_in_the_workspace_or_its_path(tmp_path: Path) -> None:
    output = tmp_path / "output"
    own = output / "datasets" / "my study"
    own.mkdir(parents=True)
    (tmp_path / "link").symlink_to(own)
    assert dataset_key(output, own, "easy") == "datasets/my study"
    assert dataset_key(output, tmp_path / "link", "easy") == "datasets/my study"
    assert dataset_key(tmp_path, own, "easy") == str(own.resolve())
    assert dataset_key(output, output / "datasets" / ".uploads" / "x" / "y", "easy").startswith("/")
    assert dataset_key(output, None, "easy") == "demo/easy"
