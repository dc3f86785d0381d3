import json
import subprocess
import sys

import pytest

pytest.importorskip("cv2", reason="needs the extra 'photos'")

from facevae.bench.preparing import prepare_bench
from facevae.errors import DataError


def test_the_bench_counts_every_photo():
    # A process of its own: the figure counts the memory of all of them, and this one's is that of every test.
    code = (
        "from facevae.bench.preparing import prepare_bench; import json; print(json.dumps(prepare_bench(8)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    row = json.loads(result.stdout)
    assert row["faces"] + row["rejects"] == row["photos"] == 8
    assert row["faces"] >= 6
    assert row["photos_per_second"] > 0
    assert row["peak_mib"] is None or 50 < row["peak_mib"] < 1024


def test_a_source_without_photos_is_refused(tmp_path):
    with pytest.raises(DataError, match="no usable photos"):
        prepare_bench(2, source=tmp_path)
