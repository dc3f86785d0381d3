"""Built-in looks: photos as pencil drawings, oil paintings, watercolours and cartoons, by OpenCV's filters.

No network and no training: the same photo gives the same picture. Brushes and lines keep their size relative
to the largest face, so that a face of 256 px and one of 1024 px look alike, alone or in a large photo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevae.errors import ConfigError, DataError, did_you_mean, require
from facevae.images import Photos

REFERENCE_PX = 512
"""Side of a face's aligned crop at which the brushes have the sizes that stand below, in px."""
LARGEST_PX = 2048
"""Side of the largest square photo that is drawn: 3 s on one core, and 0.8 GB for the whole process."""
OIL_LEVELS = 10
"""Tones that a brush stroke can have; fewer make broader patches."""
CARTOON_TONES = 7
"""Steps of brightness that are left in a cartoon."""
WORK_PX = 1.5 * REFERENCE_PX**2
"""Most pixels that filters whose cost grows with the brush's square see, with a brush as at REFERENCE_PX."""
GUIDE_PX = 3
"""Side of the square of the reduced photo in which the guided filter fits a line."""
GUIDE_NOISE = 2.0
"""Contrast, in levels, below which it sees no edge."""

LINE_PERCENTILE = 91
"""Share of a picture, in %, that no line is drawn in."""

Plane = NDArray[np.float32]
Progress = Callable[[int, int], None]
Step = Callable[[], None]
"""Called between the steps of a drawing."""


def apply_look(
    photo: Photos,
    look: str,
    strength: float = 1.0,
    face_px: float | None = None,
    progress: Progress | None = None,
) -> Photos:
    """The (H, W, 3) uint8 RGB photo drawn in one of LOOKS; same shape.

    strength: 0..1, how far it goes from the photo (0, unchanged) to the look (1). face_px: side of the square
    that an aligned crop of the largest face would take up, which the brushes keep their size to, up to the
    photo's shorter side; None: that side, as of a face that fills the photo. progress: called with
    (done, in all) between steps; what it raises ends the drawing. Deterministic. Raises ConfigError for an
    unknown look, another strength or face_px, DataError for what is no photo and for one of more than
    LARGEST_PX x LARGEST_PX pixels, MissingExtraError without OpenCV.
    """
    check_look(look)
    check_strength(strength)
    _check_photo(photo)
    shorter = min(photo.shape[:2])
    if face_px is not None and not face_px > 0:
        raise ConfigError(f"face_px cannot be {face_px:g}: expected a face's side in px, or None.")
    cv2 = require("cv2", "photos", f"the look '{look}'")
    scale = min(face_px or shorter, shorter) / REFERENCE_PX
    one, done = LOOKS[look], count()

    def step() -> None:
        if progress:
            progress(next(done), one.steps)

    step()
    drawn = one.draw(cv2, np.ascontiguousarray(photo), scale, step)
    mixed = photo + np.float32(strength) * (drawn.astype(np.float32) - photo)
    step()
    return np.asarray(np.rint(mixed).clip(0, 255), dtype=np.uint8)


def check_look(look: str) -> None:
    """Raise ConfigError for a look that there is not."""
    if look not in LOOKS:
        raise ConfigError(
            f"there is no look '{look}'. There are: {', '.join(LOOKS)}.{did_you_mean(look, LOOKS)}"
        )


def check_strength(strength: float) -> None:
    """Raise ConfigError for a strength outside 0..1."""
    if not 0 <= strength <= 1:
        raise ConfigError(f"strength cannot be {strength:g}: expected 0 (unchanged) to 1 (all of the style).")


def _check_photo(photo: Photos) -> None:
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or min(photo.shape[:2]) < 8:
        raise DataError(
            f"a photo to draw must be uint8 of shape (H, W, 3), 8 px or more, got {photo.dtype} {photo.shape}"
        )
    height, width = photo.shape[:2]
    if height * width > LARGEST_PX**2:
        raise DataError(
            f"a photo to draw may have {LARGEST_PX} x {LARGEST_PX} = {LARGEST_PX**2 / 1e6:.1f} megapixels at "
            f"most, got {width} x {height}. Shrink it first, as facevae.stylize.sizes.resized_photo does."
        )


def _pencil(cv2: Any, photo: Photos, scale: float, step: Step) -> Photos:
    """Graphite on paper: lines at two widths, and hatching where it is dark.

    The tones are those of "colour dodge", grey over its blur; the hatching is that of cv2.pencilSketch
    (Gastal and Oliveira 2011, section 7).
    """
    grey = cv2.cvtColor(_lively(cv2, photo), cv2.COLOR_RGB2GRAY)
    step()
    soft = cv2.GaussianBlur(grey, (0, 0), _px(12, scale)).astype(np.float32)
    dodged = (grey.astype(np.float32) + 8) / (soft + 8)  # 1 on flat ground, less on lines
    tone = dodged.clip(0, 1) ** 1.6 * (0.62 + 0.38 * (grey / np.float32(255)))
    step()
    # Blurred noise in two directions: the strokes of a soft pencil.
    noise = _noise(grey.shape)
    stroke = max(2.0, 5 * scale)
    hatch = _diagonal(cv2, noise, stroke) * (1 - grey / np.float32(255))
    tone = tone + 0.22 * hatch + 0.02 * noise
    step()
    line = np.minimum(_lines(cv2, grey, 1.3 * scale), 0.35 + 0.65 * _lines(cv2, grey, 3.5 * scale))
    paper = np.array([250, 249, 246], dtype=np.float32)
    return _levels((tone.clip(0, 1) * (0.15 + 0.85 * line))[..., None] * paper)


def _watercolour(cv2: Any, photo: Photos, scale: float, step: Step) -> Photos:
    """Washes of thin paint: denser at their rims, uneven, on rough paper.

    Source: Bousseau et al. 2006, equation 1: a colour c under pigment of density d is c - (c - c^2)(d - 1).
    """
    lively = _lively(cv2, photo)
    step()
    bgr = cv2.cvtColor(lively, cv2.COLOR_RGB2BGR)
    smooth = cv2.edgePreservingFilter(bgr, flags=1, sigma_s=_px(30, scale), sigma_r=0.25)
    step()
    small, part = _reduced(cv2, smooth, scale)
    flat = cv2.pyrMeanShiftFiltering(small, sp=_px(9, scale * part), sr=14, maxLevel=0)
    step()
    bgr = cv2.medianBlur(_enlarged(cv2, flat, small, smooth), 3)
    colour = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
    colour = 1 - 0.74 * (1 - _saturated(cv2, colour * 255, 1.3) / 255).clip(0, 1)  # paint is thin
    step()
    density = 0.9 + _pigment(cv2, photo.shape[:2], scale)
    step()
    grey = cv2.GaussianBlur(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), (0, 0), max(0.7, 1.2 * scale))
    rims = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    density += 1.6 * rims.clip(0, 0.5)
    # Lines of the smoothed photo: in the photo itself, its noise would be drawn as freckles.
    lines = 0.72 + 0.28 * _lines(cv2, cv2.cvtColor(smooth, cv2.COLOR_BGR2GRAY), 2.2 * scale)
    painted = (colour - (colour - colour**2) * (density[..., None] - 1)) * lines[..., None]
    return _levels(255 * painted)


def _pigment(cv2: Any, shape: tuple[int, ...], scale: float) -> Plane:
    """(H, W) about 0: clouds where paint has run together, as large as the sheet has them, and the grain."""
    noise = _noise(shape)
    grain = _unit(cv2.GaussianBlur(noise, (0, 0), max(0.6, 1.1 * scale)))
    sheet = min(shape) / REFERENCE_PX
    part = min(1.0, 1 / sheet)
    coarse = noise if part == 1 else _noise(_size(noise, part)[::-1])  # the same clouds at any larger size
    blurred = [cv2.GaussianBlur(coarse, (0, 0), max(1.0, px * sheet * part)) for px in (8, 24, 64)]
    flow = sum(map(_unit, blurred)) / 3
    flow = cv2.resize(flow, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(0.26 * flow + 0.07 * grain, dtype=np.float32)


def _oil(cv2: Any, photo: Photos, scale: float, step: Step) -> Photos:
    """Patches of one colour each: at every place the mean colour of the commonest tone around it.

    Source: Holzmann 1988, the algorithm of cv2.xphoto.oilPainting (which is in OpenCV's contrib build only),
    with a round brush; then light falls on the paint's relief from the top left.
    """
    colours = _lively(cv2, photo).astype(np.float32)
    bristles = _unit(_diagonal(cv2, _noise(photo.shape[:2]), max(2.0, 7 * scale)))
    step()
    tone = cv2.GaussianBlur(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), (0, 0), max(0.6, 1.2 * scale))
    level = ((tone + 8 * bristles).clip(0, 255) * OIL_LEVELS / 256).astype(np.uint8)  # (H, W)
    # Means under a brush of 4 px and more are smooth: at the size where it has 4 px they are the same.
    part = min(1.0, 1 / scale)
    size = _size(photo, part)
    opaque = cv2.merge([colours, np.ones_like(tone)])  # (H, W, 4)
    best = np.zeros_like(opaque)  # of the commonest tone so far: its colours' sum, its share of the brush
    for tone_level in range(OIL_LEVELS):
        member = cv2.compare(level, tone_level, cv2.CMP_EQ)
        sums = cv2.resize(cv2.copyTo(opaque, member), size, interpolation=cv2.INTER_AREA)
        sums = cv2.GaussianBlur(sums, (0, 0), max(1.2, 4.0 * scale * part))
        sums = cv2.resize(sums, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        cv2.copyTo(sums, cv2.compare(sums[..., 3], best[..., 3], cv2.CMP_GT), best)
        step()
    painted = best[..., :3] / best[..., 3:]
    grey = cv2.cvtColor(painted, cv2.COLOR_RGB2GRAY)
    height = cv2.GaussianBlur(grey + 2.5 * bristles, (0, 0), max(0.5, 0.8 * scale))
    relief = cv2.Sobel(height, cv2.CV_32F, 1, 0) + cv2.Sobel(height, cv2.CV_32F, 0, 1)
    return _levels(_saturated(cv2, painted, 1.3) - 0.35 * relief.clip(-80, 80)[..., None])


def _cartoon(cv2: Any, photo: Photos, scale: float, step: Step) -> Photos:
    """Flat tones and inked lines. Source: Winnemöller et al. 2006 (soft steps of brightness)."""
    lively = _lively(cv2, photo)
    small, part = _reduced(cv2, lively, scale)
    flat = small
    for _ in range(3):
        step()
        flat = cv2.bilateralFilter(flat, d=0, sigmaColor=28, sigmaSpace=max(1.5, 5 * scale * part))
    step()
    flat = _enlarged(cv2, flat, small, lively)
    lab = cv2.cvtColor(flat.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    high = 100 / CARTOON_TONES
    middle = np.floor(lab[..., 0] / high) * high + high / 2
    lab[..., 0] = middle + high / 2 * np.tanh(3 * (lab[..., 0] - middle) / high)
    toned = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255
    step()
    grey = cv2.cvtColor(flat, cv2.COLOR_RGB2GRAY)
    ink = np.minimum(_lines(cv2, grey, 1.6 * scale), _lines(cv2, grey, 4 * scale))
    return _levels(_saturated(cv2, toned, 1.4) * ink[..., None])


def _reduced(cv2: Any, photo: Photos, scale: float) -> tuple[Photos, float]:
    """The photo at the size where a filter costs no more than it does on WORK_PX pixels, and that size.

    Of filters whose cost grows with pixels and with the brush's square. The size is relative to the photo's.
    """
    part = min(1.0, (WORK_PX / (photo.shape[0] * photo.shape[1] * scale**2)) ** 0.25)
    if part == 1:
        return photo, part
    return np.asarray(cv2.resize(photo, _size(photo, part), interpolation=cv2.INTER_AREA)), part


def _enlarged(cv2: Any, filtered: Photos, small: Photos, photo: Photos) -> Photos:
    """What a filter made of the photo at a reduced size, at the photo's own size with the photo's own edges.

    Source: He and Sun 2015 (fast guided filter): near each place `filtered` is a linear function of `small`,
    channel by channel; that function, enlarged, is applied to the photo.
    """
    if small.shape == photo.shape:
        return filtered

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.boxFilter(plane, -1, (GUIDE_PX, GUIDE_PX)))

    x, y = small.astype(np.float32), filtered.astype(np.float32)
    mean_x, mean_y = mean(x), mean(y)
    slope = (mean(x * y) - mean_x * mean_y) / (mean(x * x) - mean_x**2 + GUIDE_NOISE**2)
    offset = mean_y - slope * mean_x
    slope, offset = (
        cv2.resize(mean(plane), photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        for plane in (slope, offset)
    )
    return _levels(slope * photo + offset)


def _lively(cv2: Any, photo: Photos) -> Photos:
    """The photo with its local contrast evened out: lines and tones are then found in the dark, too."""
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=1.6, tileGridSize=(4, 4)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def _lines(cv2: Any, grey: Photos, width_px: float) -> Plane:
    """(H, W) in 0..1: 0 where a dark line of this width runs, 1 elsewhere.

    Source: Winnemöller et al. 2012 (XDoG), its threshold relative to the picture's own contrast at this
    width, so that soft faces get lines as sharp photos do.
    """
    wide = max(0.8, width_px)
    plane = grey.astype(np.float32)
    response = cv2.GaussianBlur(plane, (0, 0), wide) - cv2.GaussianBlur(plane, (0, 0), 1.6 * wide)
    dark = np.maximum(-response, 0)
    usual = max(float(np.percentile(dark, LINE_PERCENTILE)), 1.0)  # levels; below, it is noise
    return np.asarray(1 - np.tanh(np.maximum(dark - usual, 0) / usual), dtype=np.float32)


def _diagonal(cv2: Any, noise: Plane, length_px: float) -> Plane:
    """Noise smeared along the diagonal, standard deviation 1: strokes."""
    side = 2 * round(length_px) + 1
    kernel = np.fliplr(np.eye(side, dtype=np.float32)) / side
    return _unit(cv2.filter2D(noise, -1, kernel))


def _noise(shape: tuple[int, ...]) -> Plane:
    """Standard normal, the same each time."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _size(photo: Photos | Plane, part: float) -> tuple[int, int]:
    """(width, height) of the photo at `part` of its size, as OpenCV asks for it."""
    return max(1, round(photo.shape[1] * part)), max(1, round(photo.shape[0] * part))


def _unit(plane: Plane) -> Plane:
    return np.asarray(plane / max(float(plane.std()), 1e-6), dtype=np.float32)


def _saturated(cv2: Any, rgb: Plane, factor: float) -> Plane:
    """(H, W, 3) in 0..255 with colours `factor` times as far from grey."""
    grey = cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY)[..., None]
    return np.asarray(grey + factor * (rgb - grey), dtype=np.float32)


def _levels(rgb: Plane) -> Photos:
    return np.asarray(np.rint(rgb).clip(0, 255), dtype=np.uint8)


def _px(at_reference: float, scale: float) -> float:
    """A filter's radius at this size, within the 0 to 200 px that OpenCV's filters take."""
    return float(np.clip(at_reference * scale, 2, 200))


@dataclass(frozen=True)
class Look:
    """How a look is drawn."""

    draw: Callable[[Any, Photos, float, Step], Photos]
    """(OpenCV, photo, size of the brushes relative to REFERENCE_PX, step) to the picture."""
    steps: int
    """Into which the calls of `step` divide it."""


LOOKS = {
    "pencil": Look(_pencil, 4),
    "oil": Look(_oil, OIL_LEVELS + 2),
    "watercolour": Look(_watercolour, 6),
    "cartoon": Look(_cartoon, 6),
}
