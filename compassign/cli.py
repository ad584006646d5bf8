"""The command line: read what was typed, call the package, turn what happened into messages and an exit code."""

from __future__ import annotations

import importlib
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, Self

import typer

import compassign
from compassign import cli_library
from compassign.cli_options import DEFAULT_OUTPUT, OUTPUT_VARIABLE, RunOptions, with_run_options
from compassign.cli_text import dataset_summary, run_summary
from compassign.config import Difficulty, ModelName, RunConfig, read_record
from compassign.errors import InputError, RunCancelledError
from compassign.execution import carry_out, on_signals
from compassign.jobs.recording import command_line_progress
from compassign.repeat import check_dataset, machine_warnings
from compassign.runs import RunDirectory, find_run, shown_run

if TYPE_CHECKING:
    from compassign.data.dataset import Dataset

EXIT_COMPLETE, EXIT_FAILED, EXIT_INPUT, EXIT_VERDICT, EXIT_CANCELLED = 0, 1, 2, 3, 130

# Commands find these by name when they run, so that `--help` does not wait seconds for the samplers.
_LOADER, _REPORT, _JOBS = "compassign.data.load", "compassign.report", "compassign.cli_jobs"
_BACKUP, _COMPARE, _AUDIT = "compassign.workspace_backup", "compassign.cli_compare", "compassign.cli_audit"
_RECALIBRATE, _LABEL = "compassign.recalibrate", "compassign.cli_label"
_AUDIT_LABELS, _IMPORT = "compassign.cli_audit_labels", "compassign.cli_import"
_SIMULATE = "compassign.cli_simulate"
_SPECTRA = "compassign.spectra.evidence"
_EXPORT = "compassign.cli_export"

Recalibration = Literal["temperature", "isotonic"]
RtUnit = Literal["min", "s"]
Polarity = Literal["positive", "negative"]
ExportFormat = Literal["mztab-m", "sirius", "gnps", "table"]
Design = Literal["entrapment", "withholding", "labels"]

_AUDITS: dict[Design, tuple[str, str]] = {
    "entrapment": (_AUDIT, "audit_by_entrapment"),
    "withholding": (_AUDIT, "audit_by_withholding"),
    "labels": (_AUDIT_LABELS, "audit_by_labels"),
}

_RUN_HELP = """Assign compounds to peaks: fit a model to a dataset and write probabilities, decisions and metrics.

Results appear in output/runs/RUN_ID; output/results, output/models and output/logs show the newest complete run. They
change only when a run is complete: one that fails or is cancelled leaves them as they were.

\b
Examples:
  compassign run --quick                  a first look at simulated data
  compassign run --data my_study          your own dataset
  compassign run --data my_study --model lookup --output output_lookup
  compassign run --config output/results/run.json     the same run again
"""

_EXIT_CODES = """\b
Exit codes:
  0    complete
  1    the run failed; the message says where the log is
  2    bad input or usage; every problem found is listed
  3    complete, but the verdict is `failed`: do not use its numbers
  130  cancelled (Ctrl-C)
"""

app = typer.Typer(
    name="compassign",
    help="Which library compound made each LC-MS peak, with honest probabilities.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code.

    argv : the words after `compassign`; those of the process unless given. Raises SystemExit, always.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    sys.exit(app(args=words, prog_name="compassign", obj=shlex.join(["compassign", *words])))


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"compassign {compassign.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hold the options of the program itself."""


@app.command("run", help=_RUN_HELP, epilog=_EXIT_CODES)
@with_run_options
def run(ctx: typer.Context, options: RunOptions) -> None:
    """Fit a model to a dataset."""
    with _Boundary() as boundary:
        boundary.code = _run(options, str(ctx.obj), boundary)
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def validate(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="Dataset folder with peaks.csv and compounds.csv.")],
) -> None:
    """Check a dataset without fitting anything: a summary if it can be used, otherwise every problem found."""
    with _Boundary() as boundary:
        dataset = _load(data)
        of_spectra: list[str] = importlib.import_module(_SPECTRA).describe_spectra(dataset)
        typer.echo("\n".join([dataset_summary(dataset), *of_spectra]))
    raise typer.Exit(boundary.code)


@app.command("import", epilog=_EXIT_CODES)
def import_(  # noqa: PLR0913, PLR0917  # one parameter for each option
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Table of mzmine, MS-DIAL, XCMS, OpenMS, Compound Discoverer, Progenesis QI or asari, or any other; "
            "or a library: HMDB (XML), SD file, MSP, MGF, or a sheet of compounds.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The dataset's folder, for a table a new one.")],
    format_name: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Take it for this format. [default: its content says]"),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option(
            "--samples",
            metavar="SHEET|REGEX",
            help="What the samples are: a table with the columns injection, species, order, role, polarity (all but "
            "the first may be absent), or a regular expression for whole names with groups of these names.",
        ),
    ] = None,
    rt_unit: Annotated[
        RtUnit | None, typer.Option("--rt-unit", help="Unit of the retention times. [default: the format's]")
    ] = None,
    polarity: Annotated[
        Polarity | None, typer.Option("--polarity", help="Of all peaks. [default: the adducts', else positive]")
    ] = None,
    species: Annotated[
        str | None, typer.Option("--species", metavar="NAME", help="Group of peaks and injections that state none.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="A library takes the place of the folder's.")] = False,
) -> None:
    """Make a dataset's folder from another program's peak table, or put a library into it as compounds.csv."""
    with _Boundary() as boundary:
        importer = importlib.import_module(_IMPORT)
        options = importer.ImportOptions(format_name, samples, rt_unit, polarity, species)
        typer.echo(importer.run_import(file, out, options, replace))
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def export(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, or a run folder.")],
    format_name: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="mztab-m: every candidate for tools that read mzTab-M 2.0; sirius: candidates as CSV; gnps: one row "
            "a feature; table: your own table with what was called and labelled at its right end.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write, a new one.")],
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", help="With --format table: your table. [default: the peaks.csv]"),
    ] = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
) -> None:
    """Write what a run found as a file for other programs, or into the table that you came with."""
    with _Boundary() as boundary:
        export_run: Callable[[Path, str, str, Path | None, Path], str] = importlib.import_module(_EXPORT).export_run
        typer.echo(export_run(output, name, format_name, table, out))
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def report(
    name: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Run id, its beginning, or a run folder. [default: newest]")
    ] = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
) -> None:
    """Show what a run found and how far its numbers can be trusted."""
    with _Boundary() as boundary:
        run_path = find_run(output, name)
        render_report: Callable[[Path], str] = importlib.import_module(_REPORT).render_report
        typer.echo(render_report(run_path))
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def compare(
    names: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN...", help="Run ids, their beginnings, or run folders; baseline first."),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
) -> None:
    """Say of each run whether it is better than the first, on the peaks that score both, and how sure that is."""
    with _Boundary() as boundary:
        render_comparison: Callable[[Path, list[str]], str] = importlib.import_module(_COMPARE).render_comparison
        typer.echo(render_comparison(output, names))
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def audit(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, or a run folder.")],
    design: Annotated[
        Design,
        typer.Option(
            "--design",
            help="entrapment: one fit with added isomers that cannot be present, which bound the false share; "
            "withholding: five fits, each without a tenth of the labelled compounds; "
            "labels: no fit, the false share from audit labels of the dataset.",
        ),
    ] = "withholding",
    draw: Annotated[
        int | None, typer.Option("--draw", metavar="M", min=1, help="With --design labels: draw M peaks to label.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="With --draw: the label table to write and fill in.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
) -> None:
    """Find out how many accepted peaks are false, without looking at the truth."""
    with _Boundary() as boundary:
        if (draw is None) != (to is None) or (draw is not None and design != "labels"):
            raise InputError("--draw and --to go together, and with --design labels")
        if draw is not None:
            draw_labels: Callable[[Path, str, int, Path | None], str] = importlib.import_module(
                _AUDIT_LABELS
            ).draw_labels
            typer.echo(draw_labels(output, name, draw, to))
        else:
            module, function = _AUDITS[design]
            audit_run: Callable[[Path, str], str] = getattr(importlib.import_module(module), function)
            typer.echo(audit_run(output, name))
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def simulate(  # noqa: PLR0913, PLR0917  # one parameter for each option
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Dataset with truth.csv. [default: a demonstration]")
    ] = None,
    difficulty: Annotated[Difficulty, typer.Option("--difficulty", help="Of the demonstration.")] = "medium",
    model: Annotated[ModelName, typer.Option("--model", help="The model that learns.")] = "generative",
    acquisition: Annotated[
        list[str] | None,
        typer.Option(
            "--acquisition",
            metavar="NAME",
            help="What to ask about beside random, may be repeated: least_confidence, margin, entropy, "
            "expected_false_positives, bald, epig, expected_error_reduction. [default: least_confidence]",
        ),
    ] = None,
    oracle: Annotated[
        str,
        typer.Option("--oracle", metavar="NAME", help="Who answers: perfect, noisy, random, lazy, isomer-confusing."),
    ] = "perfect",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds of questions.")] = 10,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Peaks asked about in a round.")] = 10,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything random; the first of --seeds.")] = 0,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Loops of each acquisition, which give the bands.")] = 1,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
) -> None:
    """Replay labelling on data whose truth is known: how much is learned from each batch of answers."""
    with _Boundary() as boundary:
        loop = importlib.import_module(_SIMULATE)
        loops = loop.make_loops(acquisition or [], oracle, rounds, batch, seeds)
        given = {"data": data, "difficulty": difficulty, "model": model, "seed": seed, "sampler": loop.SAMPLER}
        for line in loop.simulate_labelling(RunConfig(**given), loops, output):
            typer.echo(line)
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def label(  # noqa: PLR0913, PLR0917  # one parameter for each option
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Name in the workspace, demonstration, or folder.")],
    peak: Annotated[str | None, typer.Argument(metavar="[PEAK]", help="Its peak_id.")] = None,
    answer: Annotated[
        str | None,
        typer.Argument(
            metavar="[ANSWER]",
            help="compound_id, A;B (one of these), null, bad (two peaks or none), unsure, skip, undo.",
        ),
    ] = None,
    annotator: Annotated[str | None, typer.Option("--annotator", metavar="NAME", help="Who says so.")] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept with the answer.")] = "",
    adduct: Annotated[str, typer.Option("--adduct", metavar="ION", help="Of the compound, if not the one shown.")] = "",
    level: Annotated[
        int | None, typer.Option("--level", min=1, max=5, help="Identification level (Schymanski).")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Store the rows of a labels.csv instead.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write the stored labels as a labels.csv instead.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
) -> None:
    """Say which compound made a peak: kept for ever, taken back by `undo`, and seen by the next run."""
    with _Boundary() as boundary:
        labels = importlib.import_module(_LABEL)
        is_one = peak is not None and answer is not None and annotator is not None
        if [is_one, source is not None, to is not None].count(True) != 1 or (not is_one and peak is not None):
            raise InputError("give PEAK, ANSWER and --annotator, or --from FILE, or --to FILE")
        if source is not None:
            typer.echo(labels.import_labels(output, dataset, source, annotator))
        elif to is not None:
            typer.echo(labels.export_labels(output, dataset, to))
        else:
            said = labels.Answer(answer, annotator, note, adduct, level)
            typer.echo(labels.add_label(output, dataset, peak, said))
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def recalibrate(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, or a run folder.")],
    method: Annotated[
        Recalibration,
        typer.Option(
            "--method",
            help="temperature: one power of all probabilities; isotonic: any rising curve of those of the calls, for "
            "several hundred labels.",
        ),
    ] = "temperature",
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
) -> None:
    """Learn from audit labels whether a run is too sure, and write mended probabilities beside the raw ones."""
    with _Boundary() as boundary:
        change: Callable[[Path, str, Recalibration], str] = importlib.import_module(_RECALIBRATE).recalibrate
        typer.echo(change(output, name, method))
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def worker(
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and start what is queued later too; once for each folder.")
    ] = False,
) -> None:
    """Compute queued runs, each in a process that goes on if this command is stopped, until none is left."""
    with _Boundary() as boundary:
        work: Callable[[Path], None] = getattr(importlib.import_module(_JOBS), "watch_queue" if watch else "work_queue")
        work(output)
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def serve(
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", envvar=OUTPUT_VARIABLE, help="Folder of the runs.")
    ] = DEFAULT_OUTPUT,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the dashboard.")] = 8501,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; other than 127.0.0.1, other machines see all runs.")
    ] = "127.0.0.1",
) -> None:
    """Open the dashboard, and see to it that queued runs are computed, also after it is closed."""
    with _Boundary() as boundary:
        serve_dashboard: Callable[[Path, str, int], NoReturn] = importlib.import_module(_JOBS).serve_dashboard
        serve_dashboard(output, host, port)
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The zip to write; replaced if it exists.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Folder of the runs.")] = DEFAULT_OUTPUT,
) -> None:
    """Write all runs, uploaded datasets, logs and the list of runs into one zip, while runs may be computed."""
    with _Boundary() as boundary:
        typer.echo("\n".join(importlib.import_module(_BACKUP).write_backup(output, file).lines("Written")))
    raise typer.Exit(boundary.code)


@app.command(epilog=_EXIT_CODES)
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A zip that `compassign backup` wrote.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="An empty or new folder.")],
) -> None:
    """Make a folder of runs from a backup; never one that holds anything."""
    with _Boundary() as boundary:
        typer.echo("\n".join(importlib.import_module(_BACKUP).restore_backup(file, output).lines("Restored")))
    raise typer.Exit(boundary.code)


class _Boundary:
    """Where exceptions end: what stopped a command becomes a message on standard error and `code`."""

    def __init__(self) -> None:
        self.code = EXIT_COMPLETE
        self.output: Path | None = None
        self.log: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            return True
        if isinstance(error, InputError):
            self.code = EXIT_INPUT
            problems = len(error.problems)
            typer.echo(f"The input cannot be used, {problems} problem{'s' * (problems != 1)}:", err=True)
            typer.echo("\n".join(f"  {problem}" for problem in error.problems), err=True)
        elif isinstance(error, KeyboardInterrupt | RunCancelledError):
            self.code = EXIT_CANCELLED
            kept = "" if self.log is None else f" Nothing of the run is kept but its log: {self.log}"
            typer.echo(f"Cancelled.{kept}", err=True)
        elif isinstance(error, Exception) and self.log is not None:
            self.code = EXIT_FAILED
            reason = " ".join(str(error).split()) or "no message"
            typer.echo(f"The run failed: {type(error).__name__}: {reason}", err=True)
            typer.echo(f"The log with the traceback: {self.log}", err=True)
        else:
            return False  # a defect outside a run has no log: its traceback is all there is
        if self.output is not None:
            shown = shown_run(self.output)
            still = f"still show run {shown.name}" if shown else "show no run yet"
            typer.echo(f"The links {self.output}/models, results and logs {still}.", err=True)
        return True


def _run(options: RunOptions, command: str, boundary: _Boundary) -> int:
    """Carry out `compassign run`; returns 0 or 3, everything else is raised."""
    boundary.output = options.output
    if options.config is not None:
        options.check_alone()
    earlier = None if options.config is None else read_record(options.config)
    config = options.to_config() if earlier is None else earlier.config
    if earlier is not None and config.data is not None:
        check_dataset(earlier, _load(config.data).dataset_hash)
    warnings = _setting_warnings(config, options) if earlier is None else machine_warnings(earlier)
    directory = RunDirectory.create(options.output, config.model, config.max_r_mb)
    boundary.log = directory.log
    terminated = on_signals(signal.default_int_handler, signal.SIGTERM)  # cancelled, as by Ctrl-C
    with terminated, command_line_progress(directory, config) as progress, directory:
        for message in warnings:
            progress.warn(message)
        summary = carry_out(config, directory, progress, command, earlier)
    typer.echo(run_summary(summary, directory))
    return EXIT_VERDICT if summary.verdict == "failed" else EXIT_COMPLETE


def _load(folder: Path) -> Dataset:
    load_dataset: Callable[[Path], Dataset] = importlib.import_module(_LOADER).load_dataset
    return load_dataset(folder)


def _setting_warnings(config: RunConfig, options: RunOptions) -> list[str]:
    """What was set but has no effect."""
    if config.data is not None and options.difficulty is not None:
        return ["--difficulty has no effect with --data: it describes the simulated demonstration"]
    return []


cli_library.register(app, _Boundary, _EXIT_CODES)

if __name__ == "__main__":
    main()
