"""The families of tests that train for long: the oldest one is left to `make test-all`."""

from __future__ import annotations

import pytest
from surgvqa.train import tiny

LONG = [pytest.param(one, marks=pytest.mark.slow) if one == "qwen2_vl" else one for one in tiny.FAMILIES]
