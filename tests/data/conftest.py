"""Photos for the tests: variations of scikit-image's public-domain astronaut; ../shared/raw where it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("cv2", reason="needs the extra 'photos'")
pytest.importorskip("skimage.data", reason="needs the extra 'demo'")

Photo = NDArray[np.uint8]
RAW = Path(__file__).parents[3] / "shared" / "raw"


@pytest.fixture(scope="session")
def portrait(astronaut: Photo) -> Photo:
    """(240, 240, 3): the same face, filling the photo."""
    return np.ascontiguousarray(astronaut[:240, 100:340])


@pytest.fixture(scope="session")
def vary(portrait: Photo) -> Callable[[int], Photo]:
    """vary(seed): a 192 px photo of the face, lit, mirrored and cut differently for each seed."""

    def make(seed: int) -> Photo:
        random = np.random.default_rng(seed)
        x, y = random.integers(0, 24, 2)
        photo = portrait[y : y + 216, x : x + 216]
        if random.random() < 0.5:
            photo = photo[:, ::-1]
        small = np.asarray(Image.fromarray(photo).resize((192, 192), Image.Resampling.LANCZOS))
        # Coarse random light: keeps the face findable, and each photo far from a near duplicate.
        light = random.uniform(0.05, 1.0, (12, 12, 3)).astype(np.float32)
        lamps = [
            Image.fromarray(light[:, :, c]).resize((192, 192), Image.Resampling.BICUBIC) for c in range(3)
        ]
        return np.clip(small * np.stack([np.asarray(lamp) for lamp in lamps], axis=2), 0, 255).astype(
            np.uint8
        )

    return make


@pytest.fixture
def jpeg() -> Callable[[Photo], bytes]:
    def encode(photo: Photo) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(photo).save(buffer, "JPEG", quality=95)
        return buffer.getvalue()

    return encode


@pytest.fixture
def album(
    tmp_path: Path, vary: Callable[[int], Photo], jpeg: Callable[[Photo], bytes]
) -> Callable[..., Path]:
    """album(names): a folder of distinct photos of the face; `count` names them 00.jpg, 01.jpg, ..."""

    def make(names: list[str] | None = None, count: int = 0, folder: str = "photos") -> Path:
        root = tmp_path / folder
        for seed, name in enumerate(names or [f"{number:02d}.jpg" for number in range(count)]):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(vary(seed)))
        return root

    return make


@pytest.fixture
def raw() -> Path:
    if not RAW.is_dir():
        pytest.skip("the raw samples are not here")
    return RAW
