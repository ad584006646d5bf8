"""`compassign run`: exit codes, what it leaves on disk, what it says, repeating a run. The pipeline is a stand-in."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from compassign.cli import main
from compassign.config import RunConfig, SamplerConfig, read_record
from compassign.data.load import load_dataset
from compassign.errors import InputError, RunCancelledError, SamplingError
from compassign.progress import Progress


@dataclass(frozen=True)
class Summary:
    verdict: str
    headline: dict[str, float | int | str | None]
    notes: tuple[str, ...] = ()


@dataclass
class Pipeline:
    """A stand-in for the pipeline: writes what a real one would, then ends as told."""

    verdict: str = "converged"
    error: BaseException | None = None
    hashes: dict[str, str | None] = field(default_factory=lambda: {"dataset_hash": "d", "labels_hash": "l"})
    configs: list[RunConfig] = field(default_factory=list)

    def execute(self, config: RunConfig, staging: Path, progress: Progress) -> Summary:
        self.configs.append(config)
        with progress.stage("write"):
            (staging / "models" / "assignment_trace.nc").write_text("trace")
            (staging / "results" / "peak_assignments.csv").write_text(f"seed {config.seed}")
            (staging / "results" / "assignment_metrics.json").write_text(json.dumps(self.hashes))
        if self.error is not None:
            raise self.error
        return Summary(self.verdict, {"precision": 0.912345, "n_scored": 40, "recall": None})


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    stand_in = Pipeline()
    module = ModuleType("compassign.pipeline")
    module.__dict__["execute"] = stand_in.execute
    monkeypatch.setitem(sys.modules, "compassign.pipeline", module)
    return stand_in


@pytest.fixture
def compassign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> Ended:
        with pytest.raises(SystemExit) as stop:
            main(words)
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Ended(stop.value.code, captured.out, captured.err)

    return command


def runs(output: Path) -> list[str]:
    return sorted(os.listdir(output / "runs"))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def write_dataset(folder: Path, mz: float = 195.0877) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "peaks.csv").write_text(
        f"peak_id,species,mz,rt_min,intensity,polarity\np1,human,{mz},4.1,1000,positive\n"
    )
    (folder / "compounds.csv").write_text("compound_id,name,formula\nc1,caffeine,C8H10N4O2\n")
    return folder


def test_a_complete_run_says_what_it_found_and_where(tmp_path: Path, pipeline: Pipeline, compassign: Command) -> None:
    ended = compassign("run", "--seed", "7", "--quick")
    (run_id,) = runs(tmp_path / "output")
    assert ended.code == 0
    assert f"Run {run_id} is complete. Verdict: converged" in ended.out
    assert "precision  0.9123" in ended.out
    assert "recall     not available" in ended.out
    assert f"Files: {tmp_path}/output/runs/{run_id} " in ended.out
    assert f"Report: compassign report {run_id} --output {tmp_path}/output" in ended.out
    assert files(tmp_path / "output" / "runs" / run_id) == [
        "logs/run.log",
        "models/assignment_trace.nc",
        "results/assignment_metrics.json",
        "results/peak_assignments.csv",
        "results/run.json",
    ]
    assert (tmp_path / "output" / "results" / "peak_assignments.csv").read_text() == "seed 7"
    assert "write took" in (tmp_path / "output" / "logs" / "run.log").read_text()


def test_the_record_says_everything_that_a_repetition_needs(
    tmp_path: Path, pipeline: Pipeline, compassign: Command
) -> None:
    compassign("run", "--seed", "7", "--data", "my study")
    record = read_record(tmp_path / "output" / "results" / "run.json")
    assert record.config == RunConfig(seed=7, data=tmp_path / "my study")
    assert (record.seed, record.dataset_hash, record.labels_hash, record.truth_hash) == (7, "d", "l", None)
    assert record.command == "compassign run --seed 7 --data 'my study'"
    assert [record.run_id] == runs(tmp_path / "output")
    assert record.started.endswith("+00:00")
    assert record.versions["numpy"] == __import__("numpy").__version__
    assert record.machine


def test_what_the_pipeline_recorded_itself_is_kept(tmp_path: Path, pipeline: Pipeline, compassign: Command) -> None:
    class Recording(Pipeline):
        def execute(self, config: RunConfig, staging: Path, progress: Progress) -> Summary:
            own = {"dataset_hash": "own", "truth_hash": "t", "label_fraction_used": 0.2, "run_id": "unknown"}
            (staging / "results" / "run.json").write_text(json.dumps(own))
            return super().execute(config, staging, progress)

    sys.modules["compassign.pipeline"].__dict__["execute"] = Recording().execute
    assert compassign("run").code == 0
    content = json.loads((tmp_path / "output" / "results" / "run.json").read_text())
    assert (content["dataset_hash"], content["labels_hash"], content["truth_hash"]) == ("own", "l", "t")
    assert content["label_fraction_used"] == 0.2
    assert [content["run_id"]] == runs(tmp_path / "output")


def test_every_option_reaches_the_configuration(tmp_path: Path, pipeline: Pipeline, compassign: Command) -> None:
    words = (
        "run --model softmax --mode prior --data d --difficulty hard --seed 5 --label-fraction 0.3 --quick "
        "--samples 40 --tune 50 --chains 3 --target-accept 0.95 --unlisted-share 0.2 --mass-window 5 --rt-window 4 "
        "--alpha 0.01 --max-r-mb 10 --output elsewhere --adducts"
    ).split()
    assert compassign(*words, "[M+H]+, [M+Na]+").code == 0
    assert pipeline.configs == [
        RunConfig(
            model="softmax",
            mode="prior",
            data=tmp_path / "d",
            difficulty="hard",
            seed=5,
            label_fraction=0.3,
            sampler=SamplerConfig(draws=40, tune=50, chains=3, target_accept=0.95, quick=True),
            unlisted_share=0.2,
            mass_window_ppm=5.0,
            rt_window_sd=4.0,
            adducts=("[M+H]+", "[M+Na]+"),
            alpha=0.01,
            max_r_mb=10,
        )
    ]
    assert (tmp_path / "elsewhere" / "results" / "run.json").is_file()
    assert not (tmp_path / "output").exists()


def test_zero_is_a_setting_like_any_other(pipeline: Pipeline, compassign: Command) -> None:
    assert compassign("run", "--label-fraction", "0", "--seed", "0").code == 0
    assert pipeline.configs[0].label_fraction == 0.0


@pytest.mark.parametrize(
    ("words", "sampler"),
    [
        ((), SamplerConfig(draws=1000, tune=1000, chains=4)),
        (("--quick",), SamplerConfig(draws=250, tune=250, chains=2, quick=True)),
        (("--quick", "--samples", "60"), SamplerConfig(draws=60, tune=60, chains=2, quick=True)),
        (("--samples", "60", "--chains", "1"), SamplerConfig(draws=60, tune=60, chains=1)),
    ],
)
def test_explicit_counts_override_the_preset(
    pipeline: Pipeline, compassign: Command, words: tuple[str, ...], sampler: SamplerConfig
) -> None:
    compassign("run", *words)
    assert pipeline.configs[0].sampler == sampler


def test_a_failed_verdict_is_a_complete_run_with_its_own_exit_code(
    tmp_path: Path, pipeline: Pipeline, compassign: Command
) -> None:
    pipeline.verdict = "failed"
    ended = compassign("run")
    assert ended.code == 3
    assert "Verdict: failed" in ended.out
    assert "do not use these numbers" in ended.out
    assert (tmp_path / "output" / "results" / "run.json").is_file()


@pytest.mark.parametrize("verdict", ["converged", "suspect", "quick"])
def test_any_other_verdict_exits_with_zero(pipeline: Pipeline, compassign: Command, verdict: str) -> None:
    pipeline.verdict = verdict
    assert compassign("run").code == 0


@pytest.mark.parametrize(
    "ending",
    [
        (RuntimeError("numbers\nran out"), 1, "The run failed: RuntimeError: numbers ran out"),
        (SamplingError("no finite start"), 1, "The run failed: SamplingError: no finite start"),
        (MemoryError(), 1, "The run failed: MemoryError: no message"),
        (
            InputError(["peaks.csv row 3: a", "labels.csv row 9: b"]),
            2,
            "2 problems:\n  peaks.csv row 3: a\n  labels.csv",
        ),
        (KeyboardInterrupt(), 130, "Cancelled. Nothing of the run is kept but its log: "),
        (RunCancelledError("stopped by the user"), 130, "Cancelled."),
    ],
)
@pytest.mark.parametrize("has_earlier", [False, True])
def test_an_unfinished_run_leaves_nothing_that_looks_complete(
    tmp_path: Path,
    pipeline: Pipeline,
    compassign: Command,
    ending: tuple[BaseException, int, str],
    has_earlier: bool,
) -> None:
    error, code, message = ending
    output = tmp_path / "output"
    if has_earlier:
        compassign("run", "--seed", "7")
    earlier = runs(output) if has_earlier else []
    pipeline.error = error
    ended = compassign("run", "--seed", "8")
    assert ended.code == code
    assert message in ended.err
    assert ended.out == ""
    assert "Traceback" not in ended.err
    new = [name for name in runs(output) if name not in earlier]
    assert len(new) == (0 if code == 2 else 1)
    for name in new:
        assert files(output / "runs" / name) == ["logs/run.log"]
        assert str(output / "runs" / name / "logs" / "run.log") in ended.err or code == 130
        assert ("Traceback" in (output / "runs" / name / "logs" / "run.log").read_text()) == (
            not isinstance(error, SamplingError | RunCancelledError)
        )
    if has_earlier:
        assert f"still show run {earlier[0]}" in ended.err
        assert (output / "results" / "peak_assignments.csv").read_text() == "seed 7"
    else:
        assert "show no run yet" in ended.err
        assert sorted(os.listdir(output)) == ["compassign.db", "runs"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--model", "best"), "generative"),
        (("run", "--samples", "many"), "--samples"),
        (("run", "--no-such-option"), "--no-such-option"),
        (("run", "leftover"), "leftover"),
        (("run", "--seed"), "--seed"),
        (("no-such-command",), "no-such-command"),
        (("run", "--chains", "0", "--alpha", "2"), "2 problems:"),
        (("run", "--mass-window", "-3"), "--mass-window = -3.0: input should be greater than 0"),
        (("run", "--mass-window", "nan"), "--mass-window = nan"),
        (("run", "--adducts", "M+H"), "--adducts = ('M+H',): expected adducts written as [M+H]+"),
        (("run", "--adducts", ""), "--adducts"),
        (("run", "--config", "no.json"), "no.json: cannot be read"),
    ],
)
def test_bad_usage_exits_with_two_before_anything_is_made(
    tmp_path: Path, pipeline: Pipeline, compassign: Command, words: tuple[str, ...], message: str
) -> None:
    ended = compassign(*words)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert os.listdir(tmp_path) == []
    assert pipeline.configs == []


def test_a_real_results_folder_stops_the_run_before_it_computes(
    tmp_path: Path, pipeline: Pipeline, compassign: Command
) -> None:
    (tmp_path / "output" / "results").mkdir(parents=True)
    ended = compassign("run")
    assert ended.code == 2
    assert "output/results: a real folder" in ended.err
    assert pipeline.configs == []


def test_a_setting_without_effect_is_mentioned(tmp_path: Path, pipeline: Pipeline, compassign: Command) -> None:
    ended = compassign("run", "--data", "d", "--difficulty", "hard")
    assert "warning: --difficulty has no effect with --data" in ended.err
    assert "warning" not in compassign("run", "--difficulty", "hard").err


def test_a_run_is_repeated_with_the_same_configuration(tmp_path: Path, pipeline: Pipeline, compassign: Command) -> None:
    compassign("run", "--seed", "9", "--samples", "33", "--adducts", "[M+H]+")
    ended = compassign("run", "--config", "output/results/run.json")
    assert ended.code == 0
    assert pipeline.configs[0] == pipeline.configs[1]
    assert "warning" not in ended.err
    assert len(runs(tmp_path / "output")) == 2
    assert compassign("run", "--config", "output/results/run.json", "--output", "again").code == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--seed", "0"), "--seed"),
        (("--quick",), "--quick"),
        (("--data", "d", "--alpha", "0.1"), "--data, --alpha"),
    ],
)
def test_no_setting_may_be_given_with_a_record(
    tmp_path: Path, pipeline: Pipeline, compassign: Command, words: tuple[str, ...], named: str
) -> None:
    compassign("run")
    ended = compassign("run", "--config", "output/results/run.json", *words)
    assert ended.code == 2
    assert f"cannot be changed by {named}\n" in ended.err
    assert len(pipeline.configs) == 1


def test_a_dataset_that_has_changed_cannot_be_repeated(tmp_path: Path, pipeline: Pipeline, compassign: Command) -> None:
    folder = write_dataset(tmp_path / "study")
    pipeline.hashes = {"dataset_hash": load_dataset(folder).dataset_hash}
    compassign("run", "--data", "study")
    assert compassign("run", "--config", "output/results/run.json").code == 0
    write_dataset(folder, mz=195.0901)
    ended = compassign("run", "--config", "output/results/run.json")
    assert ended.code == 2
    assert f"{folder}: dataset_hash is {load_dataset(folder).dataset_hash}" in ended.err
    assert len(pipeline.configs) == 2


def test_a_simulation_that_has_changed_cannot_be_repeated(
    tmp_path: Path, pipeline: Pipeline, compassign: Command
) -> None:
    compassign("run")
    pipeline.hashes = {"dataset_hash": "other"}
    ended = compassign("run", "--config", "output/results/run.json")
    assert ended.code == 2
    assert "the simulated demonstration: dataset_hash is other" in ended.err
    assert len(runs(tmp_path / "output")) == 1


def test_what_else_differs_from_the_repeated_run_is_a_warning(
    tmp_path: Path, pipeline: Pipeline, compassign: Command
) -> None:
    compassign("run")
    file = tmp_path / "edited.json"
    content = json.loads((tmp_path / "output" / "results" / "run.json").read_text())
    content["versions"] |= {"numpy": "1.0"}
    content["machine"] = "Abacus wood"
    content["labels_hash"] = "before"
    file.write_text(json.dumps(content))
    ended = compassign("run", "--config", str(file))
    assert ended.code == 0
    assert "machine Abacus wood -> " in ended.err
    assert "numpy 1.0 -> " in ended.err
    assert "pandas" not in ended.err
    assert "the labels changed since run" in ended.err
    assert "the truth changed" not in ended.err
