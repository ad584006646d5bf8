"""Run the pipeline: `python scripts/train.py OPTIONS` is `compassign run OPTIONS`."""

from __future__ import annotations

import sys

from compassign.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
