"""Parts of an output folder, made of the small example runs, for the tests of screens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOOKUP, PRIOR, GONE, SUSPECT = "1-lookup", "2-prior", "3-gone", "4-suspect"
HOSTILE_FOLDER = "[x](javascript:alert(1)) <b>bold<b> $$x$$ :red[y]"
HOSTILE_REASON = "<b>reason</b> [x](javascript:alert(1)) $$"
NAMES = [
    "<script>alert(1)</script>",
    "**bold** :red[y]",
    "$x$ and $y$",
    ":material/home:",
    "[link](javascript:alert(1))",
    "\N{TEST TUBE} \N{MAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}",
    "N" * 300,
    "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED} \N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
]
PEAK_IDS = ["P/1", "P?2", "P#3", "P%4", "P%2F5", "P&6=7", "P+8", "../../etc/passwd", "P <b>9</b>", "=1+1"]
SPECIES = "**liver** <i>$x$</i> :red[z]"
NOTE = '=HYPERLINK("http://x")'


def edit_json(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def add_run(output: Path, name: str, source: Path) -> Path:
    """A copy of a run, which becomes the newest if its name sorts last."""
    run = output / "runs" / name
    shutil.copytree(source, run)
    (run / "models").mkdir(exist_ok=True)
    edit_json(run / "results" / "run.json", lambda record: record.update(run_id=name))
    return run


def forget_dataset(record: dict[str, Any]) -> None:
    record["config"]["data"] = f"/nowhere/{HOSTILE_FOLDER}"


def spoil(metrics: dict[str, Any]) -> None:
    metrics["verdict"] = "suspect"
    metrics["sampler"] = {"verdict": "suspect", "reasons": [HOSTILE_REASON], "max_rhat": 1.4, "quick": True}
