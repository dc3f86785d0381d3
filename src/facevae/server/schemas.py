"""What may be asked of the service. Unknown fields are refused, with the nearest known one."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from facevae.attributes import AGE, EXPRESSION, GENDER, SMILE, YAW
from facevae.describe.description import MOST_CHARACTERS
from facevae.errors import did_you_mean
from facevae.looks import LOOKS

MOST_FACES = 64
MOST_SEED = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""
MOST_FRAMES, MOST_STOPS = 120, 8
MOST_PORTRAITS = 64
MOST_LATENT = 100.0
"""Largest number of a latent; a model's own lie within some 10."""
MOST_NUMBERS = 4096
"""Width of latents that is looked at; the model's own is checked then."""


class Strict(BaseModel):
    """A request, or a part of one: no unknown field, no NaN, no number in quotes."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _names_are_known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        for name in data:
            if name not in cls.model_fields:
                known = ", ".join(cls.model_fields)
                nearest = did_you_mean(str(name), cls.model_fields)
                raise PydanticCustomError(
                    "unknown_field",
                    "there is no field '{name}'. There are: {known}.{nearest}",
                    {"name": str(name)[:100], "known": known, "nearest": nearest},
                )
        # To JSON, 2.0 is a whole number as 2 is.
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in data.items()
        }


Age = Annotated[float, Field(ge=AGE.low, le=AGE.high)]
Smile = Annotated[float, Field(ge=SMILE.low, le=SMILE.high)]
Yaw = Annotated[float, Field(ge=YAW.low, le=YAW.high)]
if TYPE_CHECKING:
    Gender: TypeAlias = str
    Expression: TypeAlias = str
    Style: TypeAlias = str
    LookName: TypeAlias = str
else:
    Gender, Expression = Literal[GENDER.categories], Literal[EXPRESSION.categories]
    Style, LookName = Literal[("photo", *LOOKS)], Literal[tuple(LOOKS)]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]
Number = Annotated[float, Field(ge=-MOST_LATENT, le=MOST_LATENT)]
Latent = Annotated[list[Number], Field(min_length=1, max_length=MOST_NUMBERS)]


def _file(value: Any) -> bytes:
    """The bytes of a file in base64; those of a form's file come as they are."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            pass
    raise PydanticCustomError("base64", "expected a file in base64 (RFC 4648, section 4)")


Upload = Annotated[
    bytes,
    BeforeValidator(_file),
    WithJsonSchema({
        "type": "string", "format": "byte", "contentEncoding": "base64",
        "description": "A JPEG, PNG, WebP or AVIF file, in base64 (RFC 4648, section 4).",
    }),
]  # fmt: skip


class Values(Strict):
    """Values of the model's controls. `GET /v1/models` lists those it has."""

    age: Age | None = Field(None, description="Years.")
    gender: Gender | None = None
    expression: Expression | None = None
    smile: Smile | None = Field(None, description="0 (none) to 1 (laughing).")
    yaw: Yaw | None = Field(None, description="How far the head is turned, as a share of the crop's width.")


class Controls(Strict):
    """What is asked of new faces: values, or for numbers a range [low, high] that each face draws from."""

    age: Age | Annotated[list[Age], Field(min_length=2, max_length=2)] | None = Field(
        None, description="Years, or a range such as [20, 40]."
    )
    gender: Gender | None = None
    expression: Expression | None = None
    smile: Smile | Annotated[list[Smile], Field(min_length=2, max_length=2)] | None = None
    yaw: Yaw | Annotated[list[Yaw], Field(min_length=2, max_length=2)] | None = None


Difference = Annotated[str, Field(pattern=r"^[+-]\d{1,3}(\.\d{1,6})?$")]


class Changes(Strict):
    """What an edit changes: values, or for numbers differences in quotes, such as "+20"."""

    age: Age | Difference | None = Field(None, description='Years, or a difference: "+20", "-10".')
    gender: Gender | None = None
    expression: Expression | None = None
    smile: Smile | Difference | None = None
    yaw: Yaw | Difference | None = None


class Look(Strict):
    """How pictures in JSON answers are encoded, and whether latents come with them."""

    format: Literal["png", "webp", "jpeg"] = Field(
        "png", description="Of pictures in JSON; a picture as the whole answer is asked for with Accept."
    )
    latents: bool = Field(True, description="Whether JSON answers carry the latents.")
    upscale: bool = Field(False, description="At twice the size, by the model's upscaler (409 without).")


class Drawing(Look):
    """What decides new faces."""

    count: int = Field(1, ge=1, le=MOST_FACES, description="How many faces.")
    seed: Seed | None = Field(None, description="Face i is decided by seed + i. Default: random, and told.")
    truncation: float = Field(1.0, gt=0, le=1, description="Smaller is more typical and less diverse.")
    guidance: float | None = Field(
        None, ge=0, le=20, description="Above 1 the controls show more clearly. Default: the model's."
    )
    check: bool = Field(False, description="Draw faces again in which the detector finds none. Slower.")
    best_of: int = Field(1, ge=1, le=8, description="Draw each face so often and keep the best. Slower.")


class GenerateRequest(Drawing):
    """New faces."""

    controls: Controls = Field(default_factory=lambda: Controls())


class DescribeRequest(Drawing):
    """New faces for words."""

    text: str = Field(
        min_length=1, max_length=MOST_CHARACTERS, description="A description in English or Chinese."
    )


class DecodeRequest(Look):
    """Latents to faces."""

    latent: list[Latent] = Field(
        min_length=1, max_length=MOST_FACES, description="Latents, each as wide as the model's."
    )
    controls: Values = Field(
        default_factory=lambda: Values(), description="Reach the decoder of a conditional autoencoder."
    )


class Stop(Strict):
    """Where a morph stops: exactly one of the three."""

    seed: Seed | None = Field(None, description="The face that generate makes of it.")
    latent: Latent | None = None
    photo: Upload | None = Field(None, description="Its largest face; a file in base64.")

    @model_validator(mode="after")
    def _is_one(self) -> Stop:
        given = [value for value in (self.seed, self.latent, self.photo) if value is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "one_stop", "a stop must be exactly one of seed, latent and photo, got {n}", {"n": len(given)}
            )
        return self


class InterpolateRequest(Look):
    """From face to face, at constant speed."""

    stops: list[Stop] = Field(min_length=2, max_length=MOST_STOPS)
    frames: int = Field(16, ge=2, le=MOST_FRAMES, description="Faces on the way.")
    loop: bool = Field(False, description="Return to the first stop.")
    truncation: float = Field(1.0, gt=0, le=1, description="Of stops from seeds.")
    fps: float = Field(24.0, ge=1, le=60, description="Of the animation, with Accept: image/webp.")


class PhotoRequest(Look):
    """A request about a photo: this as JSON with the photo in base64, or a form whose field `photo` is the
    file and whose field `options` is this as JSON without `photo`."""

    photo: Upload


class EncodeRequest(PhotoRequest):
    """Photo to latents."""

    faces: Literal["largest", "all"] = "largest"
    aligned: bool = Field(False, description="The photo is an aligned square face: it is only resized.")


class ReconstructRequest(PhotoRequest):
    """Photo to latent to photo."""

    faces: Literal["largest", "all"] = "largest"


class EditRequest(PhotoRequest):
    """The faces of a photo with other attributes."""

    changes: Changes
    faces: Literal["largest", "all"] = "largest"
    mechanism: Literal["auto", "quick", "search", "direction", "flow", "cvae"] = Field(
        "auto", description="How, see docs/edit.md; quick takes some 20 ms instead of 0.6 s a face."
    )
    guidance: float | None = Field(None, ge=0, le=20, description="Of the mechanism flow.")
    refine_steps: int = Field(0, ge=0, le=100, description="Steps that bring the face closer first. Slower.")
    detail: float = Field(1.0, ge=0, le=1, description="Share of the photo's own detail that is kept.")
    paste: bool = Field(False, description="Also the whole photo with its edits.")


class AvatarRequest(Look):
    """Portraits of one person: of a photo, or of words; exactly one of the two."""

    photo: Upload | None = None
    text: str | None = Field(
        None, min_length=1, max_length=MOST_CHARACTERS, description="A person in English or Chinese."
    )
    seed: Seed | None = Field(None, description="Of a person from words. Default: random, and told.")
    size_px: int = Field(256, ge=64, le=512, description="Side of the portraits.")
    background: str = Field(
        "keep", pattern=r"^(keep|transparent|#[0-9a-fA-F]{6})$", description="Or a colour such as #f2e6d9."
    )
    ages: list[Age] | None = Field(None, max_length=8, description="Default: 10, 30, 50, 70. []: as is.")
    expressions: list[Expression] | None = Field(
        None, max_length=7, description="Default: neutral, happy, surprised. []: as is."
    )
    styles: list[Style] = Field(default=["photo"], min_length=1, max_length=1 + len(LOOKS))
    truncation: float = Field(0.7, gt=0, le=1, description="Of a person from words.")
    detail: float = Field(1.0, ge=0, le=1, description="Share of the photo's own detail that is kept.")

    @model_validator(mode="after")
    def _is_one(self) -> AvatarRequest:
        if (self.photo is None) == (self.text is None):
            raise PydanticCustomError("one_person", "give exactly one of photo and text")
        return self


class StylizeRequest(Look):
    """A photo, or the new face of a seed, in a look or after an artwork; exactly one of each two."""

    photo: Upload | None = None
    seed: Seed | None = Field(None, description="A new face instead of a photo.")
    style: LookName | None = Field(None, description="A look.")
    art: Upload | None = Field(None, description="An artwork to paint after, instead of a look. Slower.")
    strength: float = Field(1.0, ge=0, le=1, description="0: the photo itself; 1: all of the style.")
    keep_colours: bool = Field(False, description="The photo's hues with the style's brightness.")
    faces: Literal["whole", "largest"] = Field("whole", description="The photo, or its largest face.")
    steps: int = Field(60, ge=1, le=150, description="Of an artwork: more is closer to it, and slower.")
    side_px: int = Field(256, ge=64, le=384, description="Of an artwork: the longer side that is painted.")

    @model_validator(mode="after")
    def _is_one(self) -> StylizeRequest:
        if (self.photo is None) == (self.seed is None):
            raise PydanticCustomError("one_subject", "give exactly one of photo and seed")
        if (self.style is None) == (self.art is None):
            raise PydanticCustomError("one_style", "give exactly one of style and art")
        return self
