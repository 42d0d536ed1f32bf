"""The benchmark report: ratios with intervals, growth, and distance from what the machine allows.

It reads the JSON of pytest-benchmark, whose `extra_info` says what was measured (tests/benchmarks/describing.py).
"""

from __future__ import annotations
