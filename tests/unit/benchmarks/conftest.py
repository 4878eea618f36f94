"""The benchmark's modules are scripts beside the tests; they are imported by their bare names, as when they run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
