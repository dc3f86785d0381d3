import numpy as np
import pytest
from PIL import Image, ImageFilter

from facevae.data.align import TEMPLATE
from facevae.data.prepare_config import PrepareConfig
from facevae.data.quality import Measures, fault, misfit, near_duplicates, perceptual_hash, sharpness, yaw
from facevae.errors import ConfigError

GOOD = Measures(sharpness=500, yaw=0.01, misfit=0.01, disagreement=0.05, outside=0.1, face_px=80, score=0.9)


def test_blur_lowers_sharpness(portrait):
    blurred = np.asarray(Image.fromarray(portrait).filter(ImageFilter.GaussianBlur(4)))
    assert sharpness(portrait) > 4 * sharpness(blurred)
    assert sharpness(np.full((64, 64, 3), 9, np.uint8)) == 0


def test_yaw_is_the_noses_way_from_the_midline():
    assert yaw(TEMPLATE) == pytest.approx(0, abs=1e-12)
    turned = TEMPLATE.copy()
    turned[2, 0] += 0.1
    assert yaw(turned) == pytest.approx(0.1)
    assert yaw(turned * (-1, 1)) == pytest.approx(-0.1)
    assert misfit(TEMPLATE) == 0
    assert misfit(turned) == pytest.approx(0.1 / 5**0.5)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"sharpness": 3.0}, "blurred"),
        ({"yaw": -0.2}, "turned to the side"),
        ({"misfit": 0.3}, "landmarks do not fit"),
        ({"disagreement": 1.0}, "landmarks uncertain"),
        ({"outside": 0.6}, "cut off"),
        ({"face_px": 10.0}, "face too small"),
    ],
)
def test_each_fault_has_its_reason_and_a_switch_that_loosens_it(change, kind):
    found = Measures(**{**GOOD.__dict__, **change})
    assert fault(GOOD, PrepareConfig()) is None
    assert fault(found, PrepareConfig()).startswith(kind)
    loose = PrepareConfig(
        min_sharpness=0, max_yaw=1, max_misfit=1, max_disagreement=1, max_outside=1, min_face_px=0
    )
    assert fault(found, loose) is None


def test_what_was_not_measured_is_no_fault():
    assert fault(Measures(sharpness=500), PrepareConfig()) is None


def test_a_hash_survives_resizing_and_encoding_and_tells_faces_apart(portrait, vary):
    base = np.frombuffer(perceptual_hash(portrait), np.uint8)
    smaller = np.asarray(Image.fromarray(portrait).resize((128, 128), Image.Resampling.LANCZOS))
    near = np.frombuffer(perceptual_hash(smaller), np.uint8)
    far = np.frombuffer(perceptual_hash(vary(3)), np.uint8)
    assert np.bitwise_count(base ^ near).sum() <= 8
    assert np.bitwise_count(base ^ far).sum() > 40


def test_near_duplicates_are_those_that_a_full_comparison_finds():
    random = np.random.default_rng(0)
    hashes = random.integers(0, 256, (400, 32), dtype=np.uint8)
    for later, earlier, bits in ((50, 3, 0), (51, 4, 5), (300, 51, 9), (301, 7, 20), (399, 8, 90)):
        flips = np.zeros(256, np.uint8)
        flips[random.choice(256, bits, replace=False)] = 1
        hashes[later] = hashes[earlier] ^ np.packbits(flips)
    expected = {}
    for later in range(400):
        for earlier in range(later):
            if earlier not in expected and np.bitwise_count(hashes[later] ^ hashes[earlier]).sum() <= 20:
                expected[later] = earlier
                break
    assert near_duplicates(hashes, 20) == expected
    assert expected[50] == 3
    assert 399 not in expected


def test_a_thousand_equal_hashes_keep_only_the_first():
    repeats = near_duplicates(np.zeros((1000, 32), np.uint8), 24)
    assert repeats == dict.fromkeys(range(1, 1000), 0)
    assert near_duplicates(np.zeros((0, 32), np.uint8), 24) == {}


@pytest.mark.parametrize(
    "options",
    [
        {"size_px": 4},
        {"faces": "some"},
        {"layout": "celebb"},
        {"image_format": "gif"},
        {"validation_fraction": 1.5},
        {"shard_faces": 0},
        {"near_duplicate_bits": 300},
        {"max_yaw": -1},
    ],
)
def test_impossible_options_are_refused_by_name(options):
    (name,) = options
    with pytest.raises(ConfigError, match=name):
        PrepareConfig(**options)


def test_unknown_options_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'max_yaw'"):
        PrepareConfig.from_dict({"max_jaw": 0.1})


def test_workers_are_not_part_of_the_identity():
    assert PrepareConfig(workers=1).digest() == PrepareConfig(workers=7).digest()
    assert PrepareConfig(size_px=64).digest() != PrepareConfig().digest()
