"""What nobody would give on purpose: every parser uses it or refuses it by a FaceVAEError.

A few inputs each; scripts/fuzz_inputs.py tries as many as docs/reliability.md tells of.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("cv2", reason="needs the extra 'photos'")

INPUTS = 40


PATH = Path(__file__).parents[2] / "scripts" / "fuzz_inputs.py"


def load_script() -> ModuleType:
    """scripts/fuzz_inputs.py as a module, loaded once."""
    if "fuzz_inputs" not in sys.modules:
        spec = importlib.util.spec_from_file_location("fuzz_inputs", PATH)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["fuzz_inputs"]


@pytest.mark.parametrize("name", load_script().TARGETS)
def test_odd_input_is_used_or_refused(name: str) -> None:
    fuzz = load_script()
    tally, _ = fuzz.tried(fuzz.TARGETS[name](), INPUTS)
    assert tally.total() > 0
    assert not tally["refused without a word"]
