"""What the service answers in JSON, as its description (OpenAPI) says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Picture(BaseModel):
    """A picture, with its provenance in its metadata."""

    media_type: str
    width: int = Field(description="px")
    height: int = Field(description="px")
    data: str = Field(description="The file in base64.", json_schema_extra={"contentEncoding": "base64"})


class FaceAnswer(BaseModel):
    """A new face."""

    image: Picture
    seed: int | None = Field(None, description="Makes the face again, with its controls.")
    controls: dict[str, Any] = {}
    latent: list[float] | None = None
    redrawn: int | None = Field(None, description="How often it was drawn again; with check.")
    face_found: bool | None = Field(None, description="Whether the detector found a face; with check.")
    score: float | None = Field(None, description="The detector's confidence; with best_of.")


class FacesAnswer(BaseModel):
    """New faces."""

    model: str
    seed: int | None = None
    truncation: float | None = None
    guidance: float | None = None
    faces: list[FaceAnswer]
    description: dict[str, Any] | None = Field(
        None, description="What was understood of words, and what not."
    )


class EncodedFace(BaseModel):
    """A face as the model sees it."""

    latent: list[float]
    attributes: dict[str, Any] | None = Field(
        None, description="As the model reads them; regressed to the mean."
    )
    box_px: list[float] | None = Field(None, description="Left, top, right, bottom in the photo.")


class EncodeAnswer(BaseModel):
    """The faces of a photo, the largest first."""

    model: str
    faces: list[EncodedFace]


class ReconstructedFace(BaseModel):
    """A face, and what the model makes of it."""

    original: Picture
    reconstruction: Picture
    psnr_db: float
    ssim: float
    box_px: list[float]
    latent: list[float] | None = None


class ReconstructAnswer(BaseModel):
    """The faces of a photo, the largest first."""

    model: str
    faces: list[ReconstructedFace]


class EditedFace(BaseModel):
    """A face before and after."""

    original: Picture
    reconstruction: Picture
    edited: Picture
    own: dict[str, Any] = Field(description="Its attributes, as the model reads them.")
    asked: dict[str, Any]
    mechanism: str
    notes: list[str] = Field(description="What had to be held within bounds.")
    box_px: list[float]
    latent: list[float] | None = Field(None, description="Of the edit.")


class EditAnswer(BaseModel):
    """The faces of a photo, the largest first."""

    model: str
    faces: list[EditedFace]
    pasted: Picture | None = Field(None, description="The whole photo with its edits; with paste.")


class Frame(BaseModel):
    """A face on the way."""

    image: Picture
    latent: list[float] | None = None


class InterpolateAnswer(BaseModel):
    """The way."""

    model: str
    frames: list[Frame]
    stops: list[int] = Field(description="The frames that show the stops.")


class Portrait(BaseModel):
    """One avatar."""

    name: str
    style: str
    controls: dict[str, Any]
    notes: list[str]
    image: Picture


class AvatarAnswer(BaseModel):
    """A set of avatars."""

    model: str
    identity: dict[str, Any] = Field(description="Where the person comes from, and attributes as read.")
    latent: list[float] | None = None
    portraits: list[Portrait]


class StylizeAnswer(BaseModel):
    """A styled picture."""

    model: str
    style: str
    seed: int | None = None
    image: Picture


class ControlAnswer(BaseModel):
    """One control: a category, or a number."""

    name: str
    categories: list[str]
    low: float
    high: float
    unit: str


class ModelAnswer(BaseModel):
    """The model that is served."""

    name: str
    size_px: int
    latent_dim: int
    controls: list[ControlAnswer] = Field(description="What new faces can be asked for.")
    editable: list[str] = Field(description="What edits can change.")
    prior: str
    default_guidance: float | None
    upscaler: bool
    reads_attributes: bool
    runtime: str


class ModelsAnswer(BaseModel):
    """The models that are served: the one that was loaded."""

    models: list[ModelAnswer]
    looks: list[str]
    uploads: dict[str, Any] = Field(description="What uploads may be.")
    version: str


class OperationAnswer(BaseModel):
    """One thing that can be asked of the service."""

    method: str
    path: str
    summary: str


class OverviewAnswer(BaseModel):
    """What there is."""

    name: str
    version: str
    model: str
    docs: str = Field(description="Path of the description as a page.")
    openapi: str = Field(description="Path of the description as OpenAPI 3.1.")
    operations: list[OperationAnswer]


class StatusAnswer(BaseModel):
    """How the service is."""

    status: str
