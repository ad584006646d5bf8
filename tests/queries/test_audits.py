"""Audits of a run are shown as they were written, or the command that makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compassign.audit.entrapment import EntrapmentAudit, bound_false_share
from compassign.audit.withholding import AcceptedShare, WithholdingAudit
from compassign.errors import InputError
from compassign.queries.audits import read_audits
from compassign.results import write_json

RUN = "1-look up"


def entrapment() -> EntrapmentAudit:
    calls = np.arange(100)
    levels = {
        "0.05": bound_false_share(calls, calls >= 96, 0.5, 0.05),
        "0.01": bound_false_share(calls[:0], calls > 0, 0.5, 0.01),
    }
    return EntrapmentAudit(20, 0, 300, 200, 100, 0.5, "suspect", levels)


def withholding() -> WithholdingAudit:
    share = AcceptedShare(n_accepted=3, share=0.06, low=0.01, high=0.2, n_compounds=2)
    return WithholdingAudit(5, 12, 50, ("converged",) * 5, {"0.05": share, "0.1": share}, {"0.05": 0.4, "0.1": None})


def write(folder: Path, design: str, found: Any) -> None:
    write_json({"run_id": RUN, "design": design, **vars(found)}, folder / "results" / f"audit_{design}.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / RUN
    (path / "results").mkdir(parents=True)
    return path


def test_without_audits_the_commands_are_given(folder: Path) -> None:
    audits = read_audits(folder, RUN)
    assert [(audit.design, len(audit.table)) for audit in audits] == [("entrapment", 0), ("withholding", 0)]
    assert audits[0].command == f"compassign audit '1-look up' --design entrapment --output {folder.parent.parent}"


def test_bounds_shares_and_fits_that_did_not_converge_are_told(folder: Path) -> None:
    write(folder, "entrapment", entrapment())
    write(folder, "withholding", withholding())
    trapped, withheld = read_audits(folder, RUN)
    assert "0.50 candidates" in trapped.about
    row = trapped.table.iloc[0]
    assert (row["limit"], row["targets"], row["entries"]) == ("5%", "96", "4 (4 different)")
    assert row["at_least"].startswith("4.0% (1.1% to ")
    assert row["at_most"].startswith("12.0% (3.3% to ")
    assert row["finding"] == "cannot be told with 100 accepted peaks"
    assert trapped.table["at_most"][1] == "\N{EN DASH}"  # nothing is accepted there
    assert (trapped.caution, withheld.caution) == ("suspect", "")
    assert withheld.table["accepted"].tolist() == ["3 of 50", "3 of 50"]
    assert withheld.table["share"][0] == "6.0% (1.0% to 20.0%)"
    assert withheld.table["others"].tolist() == ["40.0%", "\N{EN DASH}"]


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"levels": {"a": {}}}', '{"levels": {}}'])
def test_a_file_that_no_audit_wrote_is_named(folder: Path, text: str) -> None:
    (folder / "results" / "audit_entrapment.json").write_text(text)
    with pytest.raises(InputError, match=r"audit_entrapment\.json: not what"):
        read_audits(folder, RUN)
