"""Help, `validate` and `report`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from compassign.cli import main
from compassign.cli_options import FLAGS
from compassign.config import RunConfig, RunRecord, SamplerConfig
from compassign.runs import RunDirectory


def run_main(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def squeezed(text: str) -> str:
    """Text without the line breaks that a narrow terminal adds."""
    return re.sub(r"-? *\n *| +", lambda gap: "-" if gap.group().startswith("-") else " ", text)


def write_dataset(folder: Path) -> Path:
    (folder / "peaks.csv").write_text(
        "peak_id,species,mz,rt_min,intensity,injection,polarity\n"
        "p1,human,195.0877,4.1,1000,a,positive\n"
        "p2,human,193.0731,4.2,900,b,negative\n"
        "p3,mouse,195.0877,4.0,800,c,positive\n"
    )
    (folder / "compounds.csv").write_text("compound_id,name,formula\nc1,caffeine,C8H10N4O2\nc2,theobromine,C7H8N4O2\n")
    (folder / "calibrants.csv").write_text("species,compound_id,rt_min\nhuman,c1,4.1\n")
    (folder / "labels.csv").write_text("peak_id,compound_id\np1,c1\n")
    (folder / "truth.csv").write_text("peak_id,compound_id\np1,c1\np2,\n")
    return folder


def test_every_configuration_field_has_a_flag_and_its_description_in_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fields = {name: info for name, info in RunConfig.model_fields.items() if name != "sampler"}
    fields |= {f"sampler.{name}": info for name, info in SamplerConfig.model_fields.items()}
    assert fields.keys() == FLAGS.keys()
    assert run_main("run", "--help") == 0
    shown = squeezed(capsys.readouterr().out)
    for name, info in fields.items():
        assert f" {FLAGS[name]} " in shown
        assert info.description is not None
        assert squeezed(info.description) in shown
        if info.default not in (None, False, ()) and name != "sampler.tune":
            assert squeezed(f"{info.description} [default: {info.default}]") in shown


def test_help_has_examples_that_work_and_all_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main("run", "--help") == 0
    shown = capsys.readouterr().out
    assert re.findall(r"^ +(\d+)  ", shown, re.MULTILINE) == ["0", "1", "2", "3", "130"]
    examples = re.findall(r"^    compassign (run .*?)(?:  .*)?$", shown, re.MULTILINE)
    assert len(examples) == 4
    module = ModuleType("compassign.pipeline")
    executed = []

    def execute(config: RunConfig, staging: Path, progress: object) -> object:
        executed.append(config)
        return type("Summary", (), {"verdict": "converged", "headline": {}, "notes": ()})

    module.__dict__["execute"] = execute
    monkeypatch.setitem(sys.modules, "compassign.pipeline", module)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_study").mkdir()
    for example in examples[:3]:
        assert run_main(*example.split()) == 0
    write_dataset(tmp_path / "my_study")
    assert run_main(*examples[3].split()) == 0
    assert len(executed) == 4


@pytest.mark.parametrize(("words", "code"), [((), 2), (("--help",), 0), (("-h",), 0)])
def test_the_program_lists_its_commands(words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(*words) == code
    captured = capsys.readouterr()
    for command in ("run", "validate", "report"):
        assert re.search(rf"^  {command} ", captured.out + captured.err, re.MULTILINE)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("--version") == 0
    assert re.fullmatch(r"compassign \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_help_waits_for_no_sampler(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom compassign.cli import main\n"
        "try:\n    main(['run', '--help'])\n"
        "finally:\n    sys.stderr.write(' '.join(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0
    assert {"compassign.cli", "typer"} <= set(done.stderr.split())
    assert not {"pymc", "pytensor", "arviz", "nutpie", "pandas", "rdkit", "numba"} & set(done.stderr.split())


def test_validate_summarises_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("validate", str(write_dataset(tmp_path))) == 0
    rows = dict(re.findall(r"^  (\S+) +(.+)$", capsys.readouterr().out, re.MULTILINE))
    assert re.fullmatch("[0-9a-f]{64}", rows.pop("dataset_hash"))
    assert rows == {
        "peaks": "3",
        "compounds": "2",
        "species": "2",
        "injections": "3",
        "polarity": "positive 2, negative 1",
        "calibrants": "1",
        "labels": "1 peaks",
        "truth": "2 peaks",
    }


def test_validate_says_what_other_systems_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_dataset(tmp_path)
    assert run_main("validate", str(folder)) == 0
    assert "retention" not in capsys.readouterr().out
    (folder / "retention.csv").write_text("system,compound_id,rt_min\nA,c1,4\nA,c2,5\nB,c1,300\n")
    assert run_main("validate", str(folder)) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^  retention +systems 2, compounds 2, of these calibrants 1$", shown, re.MULTILINE)


def test_validate_shows_warnings_and_the_absence_of_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "peaks.csv").write_text("peak_id,species,mz,rt_min,intensity\np1,human,195.0877,4.1,1000\n")
    (tmp_path / "compounds.csv").write_text("compound_id,name,formula\nc1,caffeine,C8H10N4O2\n")
    assert run_main("validate", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^  truth +none$", shown, re.MULTILINE)
    assert re.search(r"^warning: .*polarity", shown, re.MULTILINE)


def test_validate_lists_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "peaks.csv").write_text("peak_id,species,mz,rt_min,intensity\np1,human,-5,4.1,x\n")
    assert run_main("validate", str(tmp_path)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "problems:" in captured.err
    for part in ("mz", "intensity", "compounds.csv"):
        assert part in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("words", [("validate",), ("validate", "nowhere"), ("report", "nothing"), ("report",)])
def test_what_is_missing_exits_with_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_main(*words) == 2
    assert capsys.readouterr().out == ""
    assert os.listdir(tmp_path) == []


def test_report_shows_the_run_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = ModuleType("compassign.report")
    module.__dict__["render_report"] = lambda run: f"report of {run}"
    monkeypatch.setitem(sys.modules, "compassign.report", module)
    paths = []
    for _ in range(2):
        with RunDirectory.create(tmp_path, "lookup") as run:
            RunRecord(config=RunConfig(), seed=0).write(run.staging / "results" / "run.json")
            run.publish()
        paths.append(run.path)
    for words, path in [((), paths[1]), ((paths[0].name,), paths[0]), ((str(paths[0]),), paths[0])]:
        assert run_main("report", *words, "--output", str(tmp_path)) == 0
        assert capsys.readouterr().out == f"report of {path}\n"
