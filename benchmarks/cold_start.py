"""From process start to finished `--quick` outputs on 2,000 peaks, with empty caches of compiled code and full ones.

The command is the one that users type. Cold: a cache folder of its own that is empty; warm: the same folder afterwards,
filled as `scripts/setup_environment.sh` fills it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from compassign.data.bundled import DEMO_SEED, demo_config
from compassign.data.simulate import simulate

ROOT = Path(__file__).resolve().parent.parent
N_PEAKS = 2_000
WARM_RUNS = 3


def write_dataset(folder: Path) -> None:
    """The first 2,000 peaks of a medium demonstration with more injections."""
    config = replace(demo_config("medium"), n_injections=3)
    simulation = simulate(config, np.random.default_rng(DEMO_SEED))
    folder.mkdir()
    peaks = simulation.tables["peaks"].iloc[:N_PEAKS]
    if len(peaks) < N_PEAKS:
        raise SystemExit(f"{len(peaks)} peaks simulated, {N_PEAKS} needed")
    for name, table in simulation.tables.items():
        kept = table[table["peak_id"].isin(set(peaks["peak_id"]))] if "peak_id" in table else table
        kept.to_csv(folder / f"{name}.csv", index=False)


def seconds(data: Path, cache: Path, output: Path) -> float:
    """Wall-clock seconds of one run; leaves the program if it does not complete."""
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTENSOR_FLAGS": f"base_compiledir={cache}"}
    environment["NUMBA_CACHE_DIR"] = str(cache / "numba_default")
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), "--quick", "--data", str(data)]
    started = time.perf_counter()
    ended = subprocess.run(
        [*command, "--output", str(output)], check=False, env=environment, capture_output=True, text=True
    )
    if ended.returncode not in (0, 3):
        raise SystemExit(ended.stderr)
    return time.perf_counter() - started


def main() -> None:
    """Print the seconds of each run, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="one warm run instead of several")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, cache, output = Path(folder, "data"), Path(folder, "cache"), Path(folder, "output")
        write_dataset(data)
        cold = seconds(data, cache, output)
        print(f"cold   {cold:6.1f} s", flush=True)
        environment = {**os.environ, "PYTENSOR_FLAGS": f"base_compiledir={cache}"}
        subprocess.run([sys.executable, "-m", "compassign.warm_cache"], env=environment, check=True)
        warm = []
        for _ in range(1 if options.fast else WARM_RUNS):
            warm.append(seconds(data, cache, output))
            print(f"warm   {warm[-1]:6.1f} s", flush=True)
        shutil.rmtree(cache, ignore_errors=True)
    print(json.dumps({"cold_s": round(cold, 1), "warm_s": round(float(np.median(warm)), 1)}))


if __name__ == "__main__":
    main()
