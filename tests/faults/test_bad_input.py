"""What nobody would give on purpose: every parser uses it or refuses it by a FaceVAEError.

A few inputs each; scripts/fuzz_inputs.py tries as many as docs/reliability.md tells of.
"""

from __future__ import annotations

import pytest

from tests.conftest import script

pytest.importorskip("cv2", reason="needs the extra 'photos'")

INPUTS = 40


@pytest.mark.parametrize("name", script("fuzz_inputs").TARGETS)
def test_odd_input_is_used_or_refused(name: str) -> None:
    fuzz = script("fuzz_inputs")
    tally, _ = fuzz.tried(fuzz.TARGETS[name](), INPUTS)
    assert tally.total() > 0
    assert not tally["refused without a word"]
