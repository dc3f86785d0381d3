"""Photos, a dataset and undisturbed results, as `facevae bench faults` makes them."""

from __future__ import annotations

import pytest

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("skimage.data", reason="needs the extra 'demo'")

from facevae.bench.faults import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("faults"), photos=24)
