"""Tables with semicolons, tabs and decimal commas become the contract's, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from compassign.data.regional import rewrite_regional


def rewritten(folder: Path, text: str) -> tuple[str, str]:
    """What the file had, and its text afterwards."""
    file = folder / "peaks.csv"
    file.write_bytes(text.encode())
    return rewrite_regional(file), file.read_text()


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        (
            "id;mz;n\na;132,1;2\nb;-7,5e1;NA\n",
            "semicolons between cells and decimal commas",
            "a,132.1,2\nb,-7.5e1,NA\n",
        ),
        ("\ufeffid;mz;n\r\na;132;2\r\n", "semicolons between cells", "a,132,2\n"),
        ("id\tmz\tn\na,b\t132,1\t\n", "tabs between cells and decimal commas", '"a,b",132.1,\n'),
        # a name with commas is no number, and a comma beside a point means thousands
        ('id;mz;n\n"1,2;3";"x ""y""";1\n', "semicolons between cells", '"1,2;3","x ""y""",1\n'),
        ("id;mz;n\na;5.6;1,234\n", "semicolons between cells", 'a,5.6,"1,234"\n'),
        ("id;mz;n\na;1,234,567;1\n", "semicolons between cells", 'a,"1,234,567",1\n'),
        # a row that lost a cell stays one, for the checks to name
        ("id;mz;n\na;1,5\n", "semicolons between cells and decimal commas", "a,1.5\n"),
    ],
)
def test_other_forms_become_the_contract_s(tmp_path: Path, text: str, form: str, expected: str) -> None:
    found, after = rewritten(tmp_path, text)
    assert (found, after.split("\n", 1)) == (form, ["id,mz,n", expected])


@pytest.mark.parametrize(
    "text", ["id,known_in\na,x;y;z\n", "id\n1;5\n", "", "\n", 'id;"mz\na;1\n', "id,a;b\n1,2\n", 'id,mz\na,"1,5"\n']
)
def test_what_is_not_surely_another_form_is_left_alone(tmp_path: Path, text: str) -> None:
    assert rewritten(tmp_path, text) == ("", text)


@pytest.mark.parametrize(("encoding", "form"), [("cp1252", "Windows-1252 text"), ("utf-16", "UTF-16 text")])
def test_other_encodings_become_utf_8(tmp_path: Path, encoding: str, form: str) -> None:
    (tmp_path / "peaks.csv").write_bytes("id,mz\nä,1.5\n".encode(encoding))
    assert rewrite_regional(tmp_path / "peaks.csv") == form
    assert (tmp_path / "peaks.csv").read_bytes() == "id,mz\nä,1.5\n".encode()
    (tmp_path / "peaks.csv").write_bytes("id\tmz\nä\t1,5\n".encode(encoding))
    assert rewrite_regional(tmp_path / "peaks.csv") == f"{form} and tabs between cells and decimal commas"
    assert (tmp_path / "peaks.csv").read_text(encoding="utf-8").split() == ["id,mz", "ä,1.5"]


def test_what_is_no_text_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "peaks.csv").write_bytes(b"id;mz\n\x81;1,5\n")
    assert not rewrite_regional(tmp_path / "peaks.csv")
    assert (tmp_path / "peaks.csv").read_bytes() == b"id;mz\n\x81;1,5\n"
