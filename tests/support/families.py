"""The families of tests that train for long: all but the newest are left to `make test-all`."""

from __future__ import annotations

import pytest
from surgvqa.train import tiny

LONG = [one if one == "qwen3_vl" else pytest.param(one, marks=pytest.mark.slow) for one in tiny.FAMILIES]
