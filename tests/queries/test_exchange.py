"""Runs in the formats of other programs: read back, complete, and honest about the verdict."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from big_run import N_PEAKS
from hypothesis import given
from hypothesis import strategies as st
from mztab_checks import problems_of, read
from pyteomics.mztab import MzTab

from compassign.config import RunConfig
from compassign.errors import InputError
from compassign.formats.importing import ImportOptions, import_table
from compassign.formats.joined import append_columns
from compassign.queries.exchange import FORMATS, exchange_files, gnps_table, joined_table, sirius_table
from compassign.queries.mztab import mztab_m
from compassign.queries.run_folder import Run, load_run

pytest_plugins = ["example_runs"]


@pytest.fixture(params=["lookup_run", "prior_run"])
def any_run(request: pytest.FixtureRequest) -> Run:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Run)
    return found


def rows_of(content: bytes, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=separator))


def test_mztab_keeps_the_rules_of_the_specification(any_run: Run) -> None:
    assert problems_of(mztab_m(any_run).decode()) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("MTD\tassay[1]-ms_run_ref\tms_run[1]", "MTD\tassay[1]-ms_run_ref\tms_run[99]", "ms_run[99] is not there"),
        ("MTD\tquantification_method", "MTD\tother", "no quantification_method"),
        ("isotopomer\texp_mass_to_charge\tcharge", "isotopomer\tcharge\texp_mass_to_charge", "SMF has the columns"),
        ("[M+H]+", "M+H", "SMF: M+H"),
        ("LIB:leu", "leu", "identifier without prefix"),
    ],
)
def test_the_checks_find_what_is_wrong(lookup_run: Run, old: str, new: str, problem: str) -> None:
    text = mztab_m(lookup_run).decode()
    assert old in text
    assert any(problem in found for found in problems_of(text.replace(old, new)))


def test_pyteomics_reads_every_candidate_with_its_probability(any_run: Run) -> None:
    table = MzTab(io.StringIO(mztab_m(any_run).decode()))
    assert table.variant == "M"
    assert table.version == "2.0.0-M"
    evidence = table.small_molecule_evidence_table
    called = any_run.peaks.loc[any_run.peaks["assigned_compound"] != "", "peak_id"]
    expected = any_run.candidates[any_run.candidates["peak_id"].isin(called) & (any_run.candidates["adduct"] != "")]
    assert len(evidence) == len(expected)
    ours = expected.set_index(["peak_id", "compound_id", "adduct"])["probability"]
    names = [identifier.removeprefix("LIB:") for identifier in evidence["database_identifier"]]
    keys = zip(evidence["evidence_input_id"], names, evidence["adduct_ion"], strict=True)
    assert evidence["id_confidence_measure[1]"].tolist() == pytest.approx([ours[key] for key in keys], rel=1e-8)
    assert len(table.small_molecule_feature_table) == N_PEAKS


def test_our_own_mztab_comes_back_as_the_same_peaks_without_its_answers(any_run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.mztab").write_bytes(mztab_m(any_run))
    found = import_table(tmp_path / "run.mztab", tmp_path / "study", ImportOptions())
    peaks = pd.read_csv(tmp_path / "study" / "peaks.csv", dtype={"peak_id": str})
    assert found.n_peaks == N_PEAKS
    assert peaks["peak_id"].tolist() == any_run.peaks["peak_id"].tolist()
    assert peaks["species"].tolist() == any_run.peaks["species"].tolist()
    assert peaks["polarity"].tolist() == any_run.peaks["polarity"].tolist()
    for column, tolerance in (("mz", 1e-5), ("rt_min", 1e-4), ("intensity", 1e-3)):
        assert peaks[column].tolist() == pytest.approx(any_run.peaks[column].tolist(), rel=1e-8, abs=tolerance)
    assert "adduct" not in peaks  # a call of ours is no evidence of another program
    assert "adduct_ion" in peaks


def test_the_best_candidate_has_rank_one_and_equal_ones_share_it(lookup_run: Run) -> None:
    _, rows, _ = read(mztab_m(lookup_run).decode())
    by_peak = pd.DataFrame(rows["SME"]).astype({"rank": int, "id_confidence_measure[1]": float})
    for _, group in by_peak.groupby("evidence_input_id"):
        ranks = group["id_confidence_measure[1]"].rank(method="min", ascending=False).astype(int)
        assert group["rank"].tolist() == ranks.tolist() == sorted(ranks)


def test_a_null_call_has_no_evidence_but_its_probabilities(prior_run: Run) -> None:
    _, rows, _ = read(mztab_m(prior_run).decode())
    nulls = prior_run.peaks["assigned_compound"] == ""
    assert nulls.any()
    for row, peak in zip(rows["SMF"], prior_run.peaks.to_dict("records"), strict=True):
        assert (row["SME_ID_REFS"] == "null") == (peak["assigned_compound"] == "")
        assert row["retention_time_in_seconds"] == f"{60 * peak['rt_min']:.9g}"
    table = prior_run.candidates.iloc[prior_run.offsets[:-1]]
    found = [float(row["opt_global_probability_unlisted"]) for row in rows["SMF"]]
    assert found == pytest.approx(table["probability_unlisted"].tolist())


def test_names_of_a_library_are_data_in_every_format(lookup_run: Run) -> None:
    hostile = '=HYPERLINK("x")|\ty'
    compounds = lookup_run.compounds.assign(name=hostile)
    run = replace(lookup_run, compounds=compounds)
    assert problems_of(mztab_m(run).decode()) == []
    _, rows, _ = read(mztab_m(run).decode())
    assert {row["chemical_name"] for row in rows["SME"]} == {'\'=HYPERLINK("x")/ y'}
    for make in (gnps_table, sirius_table):
        cells = [cell for row in rows_of(make(run)) for cell in row if "HYPERLINK" in cell]
        assert set(cells) == {f"'{hostile}"}


def test_the_warning_goes_into_every_format(prior_run: Run) -> None:
    sampler = {"reasons": ["R-hat"], "max_rhat": 1.4}
    run = replace(prior_run, metrics={**prior_run.metrics, "verdict": "suspect", "sampler": sampler})
    assert mztab_m(run).decode().startswith("COM\tNOT CONVERGED")
    assert "convergence verdict, suspect]" in mztab_m(run).decode()
    for file in exchange_files(run):
        assert "_suspect." in file.name
        assert b"suspect" in file.make()


def test_tables_have_a_row_for_each_peak_or_candidate(lookup_run: Run) -> None:
    assert len(rows_of(gnps_table(lookup_run))) == N_PEAKS + 1
    header, *rows = rows_of(sirius_table(lookup_run))
    assert len(rows) == (lookup_run.candidates["compound_id"] != "").sum()
    ranks = [int(row[header.index("rank")]) for row in rows if row[0] == rows[0][0]]
    assert ranks == sorted(ranks)
    assert list(dict.fromkeys(row[0] for row in rows)) == [
        peak for peak in lookup_run.peaks["peak_id"] if peak in {row[0] for row in rows}
    ]


def test_formats_say_what_they_lack(lookup_run: Run, tmp_path: Path) -> None:
    run = replace(lookup_run, dataset_problem="the dataset is gone")
    assert exchange_files(run) == []
    for name in ("mztab-m", "sirius", "gnps"):
        with pytest.raises(InputError, match="the dataset is gone"):
            FORMATS[name](run, None)
    with pytest.raises(InputError, match="--format table only"):
        FORMATS["gnps"](lookup_run, tmp_path)
    with pytest.raises(InputError, match="no such file"):
        FORMATS["table"](lookup_run, tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id;mz;rt\np1;1;2\n", "no column holds every peak_id of the run"),
        ("p1;1;2\np2;1;2\n", "the first row has a peak_id"),
        ("id;compassign_x;rt\np1;1;2\np2;3;4\n", "has the column compassign_x already"),
    ],
)
def test_a_table_that_does_not_fit_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(InputError, match=rf"t\.csv: .*{message}"):
        append_columns(tmp_path / "t.csv", ["compassign_x"], {"p1": ["a"], "p2": ["b"]})


def test_what_is_above_the_header_marks_and_line_ends_stay(tmp_path: Path) -> None:
    original = '\ufeffmade by;me\r\n\r\nid;"m;z";rt\r\n2;"1,5";3,25\r\nother;0,5\r\n1;"2,5";4\r\n'
    (tmp_path / "t.csv").write_text(original, newline="")
    done = append_columns(tmp_path / "t.csv", ["p", "n"], {"1": [0.25, "=a"], "2": [None, 'b;"c"']}).decode()
    expected = (
        '\ufeffmade by;me\r\n\r\nid;"m;z";rt;p;n\r\n2;"1,5";3,25;;"b;""c"""\r\nother;0,5;;;\r\n1;"2,5";4;0,25;=a\r\n'
    )
    assert done == expected


_CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=6)


@given(
    separator=st.sampled_from([",", ";", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
    foreign=st.lists(st.tuples(_CELLS, _CELLS), min_size=2, max_size=8),
    data=st.data(),
)
def test_any_table_keeps_its_rows_and_foreign_columns(
    tmp_path_factory: pytest.TempPathFactory,
    separator: str,
    end: str,
    foreign: list[tuple[str, str]],
    data: st.DataObject,
) -> None:
    ids = data.draw(st.permutations([f"peak {at}" for at in range(len(foreign))]))
    # rows that the run lacks stand anywhere but first, where nothing would tell them from a header
    known = {ids[0], *data.draw(st.lists(st.sampled_from(ids), unique=True))}
    cleaned = [tuple("".join(ch for ch in cell if ch not in '\t"') for cell in cells) for cells in foreign]
    rows = [["name", "id", "more", "mz"]]
    rows += [[one, peak, two, "1.5"] for peak, (one, two) in zip(ids, cleaned, strict=True)]
    to = io.StringIO(newline="")
    csv.writer(to, delimiter=separator, lineterminator=end).writerows(rows)
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_text(to.getvalue(), encoding="utf-8", newline="")
    done = rows_of(append_columns(path, ["p", "call"], {peak: [0.5, f"{peak}!"] for peak in known}), separator)
    assert [row[:4] for row in done] == rows
    assert [row[4:] for row in done[1:]] == [["0.5", f"{peak}!"] if peak in known else ["", ""] for peak in ids]


def test_a_table_comes_back_from_import_and_run_with_answers(tmp_path: Path) -> None:
    table = "row ID,row m/z,row retention time,comment,plasma_1.mzML Peak area,plasma_2.mzML Peak area\n"
    table += '7,132.1019,2.31,"mine, kept",850000,0\n3,181.0721,4.4,,95000,91000\n'
    (tmp_path / "features.csv").write_text(table)
    import_table(tmp_path / "features.csv", tmp_path / "study", ImportOptions(species="plasma"))
    (tmp_path / "study" / "compounds.csv").write_text("compound_id,name,formula\nC1,leucine,C6H13NO2\n")
    (tmp_path / "study" / "labels.csv").write_text("peak_id,compound_id\n3,\n")
    from example_runs import write_run  # noqa: PLC0415  # a plugin, which pytest has to import first

    folder = write_run(tmp_path / "out" / "runs" / "a", RunConfig(model="lookup", data=tmp_path / "study"))
    before, after = rows_of(table.encode()), rows_of(joined_table(load_run(folder), tmp_path / "features.csv"))
    assert [row[:6] for row in after] == before
    assert after[0][6:9] == ["compassign_compound", "compassign_name", "compassign_adduct"]
    assert after[1][6:9] == ["C1", "leucine", "[M+H]+"]
    assert after[2][6] == ""
    assert after[2][after[0].index("compassign_label")] == "null"
