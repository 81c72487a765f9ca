"""From the order to draw a photo to its pictures: jobs, renders, rejections, demand.

Advertisements: what is to be composed, and the pictures that came of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.catalog import StyleDefinition
from schemas.types import Colour, Count, Id, Label, Pixels, Seed, Sha256, Text, Time, Uri

Reason = Literal["launch", "campaign", "demand", "request"]
RejectionKind = Literal["gate", "error"]
Figure = Annotated[float, Meta(ge=-1e9, le=1e9)]


class StyleRequest(Struct, frozen=True, kw_only=True):
    """One style of a job, with its definition at the time of the order."""

    style_id: Id
    definition: StyleDefinition


class StylizeJob(Struct, frozen=True, kw_only=True):
    """Draw a product's photo in these styles. `job_id` hashes all that follows but the reason."""

    job_id: Id
    product_id: Id
    image_uri: Uri
    styles: Annotated[list[StyleRequest], Meta(min_length=1, max_length=64)]
    reason: Reason
    requested_at: Time

    def __post_init__(self) -> None:
        if len({request.style_id for request in self.styles}) < len(self.styles):
            raise ValueError("styles: each style_id may stand once in a job")


class Quality(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The gate's figures of a render, None where one was not measured. Less background is better.

    identity: cosine to the source's embedding over the best to another photo's, -2 to 2; structure:
    structural similarity of luminance where the photo has structure, -1 to 1; style: probability of
    the wanted style, 0 to 1; background: mean CIE76 difference of plain ground from what was meant;
    visibility: the same of the product's outline, the mean of the greatest beside each place of it,
    above 0: the product stands out from its ground; halo: the same of the ground just outside a
    product that was cut out; colour: the mean difference in hue and chroma of a product that is to
    keep its colours. Less halo and colour are better.

    matte: how decided the matte is by which the product was cut out, 0 to 1; 1 for a photo's own
    alpha.

    notes: what was put right or passed over when the photo was read, as short names: truncated,
    profile-converted, profile-ignored, cmyk-without-profile, samples-scaled; and matte-uncertain,
    where no product was found for sure and the photo stayed whole; in a scene product-stands,
    product-lies or product-hangs: how it is shown. More names may come.
    """

    identity: Figure | None = None
    structure: Figure | None = None
    style: Figure | None = None
    background: Figure | None = None
    visibility: Figure | None = None
    halo: Figure | None = None
    colour: Figure | None = None
    matte: Figure | None = None
    notes: Annotated[list[Label], Meta(max_length=20)] = []


class RejectionReason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A figure that missed its bound, with what a person can do; or an error in words."""

    figure: Label
    value: Figure | None = None
    bound: Figure | None = None
    text: Text | None = None


class StylizedImage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A render that passed the gate. A published sha256 never changes."""

    product_id: Id
    style_id: Id
    image_uri: Uri
    width: Pixels
    height: Pixels
    media_type: Label
    sha256: Sha256
    source_sha256: Sha256
    style_sha256: Sha256
    model: Label
    quality: Quality
    seed: Seed
    rendered_at: Time
    job_id: Id


class RejectedImage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A render that was not published, and why; `image_uri` where there is a picture."""

    product_id: Id
    style_id: Id
    kind: RejectionKind
    reasons: Annotated[list[RejectionReason], Meta(min_length=1, max_length=20)]
    model: Label
    rendered_at: Time
    job_id: Id
    image_uri: Uri | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    media_type: Label | None = None
    sha256: Sha256 | None = None
    source_sha256: Sha256 | None = None
    style_sha256: Sha256 | None = None
    quality: Quality | None = None
    seed: Seed | None = None


class StyleDemand(Struct, frozen=True, kw_only=True):
    """How many distinct shoppers wanted a product in a style that is not rendered. Advice."""

    product_id: Id
    style_id: Id
    wanted: Count
    window_start: Time
    window_end: Time


PosterSize = Annotated[str, Meta(pattern=r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$")]
Price = Annotated[
    str, Meta(min_length=1, max_length=40, description="As it is to be read, such as $24.90.")
]
Locale = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$(?![\s\S])",
        description="Language of the text (BCP 47), handed on to who shows the poster.",
    ),
]


class PosterRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An advertisement to compose: a product in a style under a headline.

    The palette's first colour is the panel, the others are inks by preference; all are kept exact.
    """

    poster_id: Id
    product_id: Id
    style_id: Id
    headline: Text
    sizes: Annotated[list[PosterSize], Meta(min_length=1, max_length=10)]
    logo_uri: Uri | None = None
    price: Price | None = None
    locale: Locale | None = None
    palette: Annotated[list[Colour], Meta(min_length=1, max_length=5)] | None = None


class PosterRendered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The pictures of a poster and their sha256, one a size, and the render that they show."""

    poster_id: Id
    product_id: Id
    style_id: Id
    images: Annotated[dict[PosterSize, Uri], Meta(min_length=1)]
    rendered_at: Time
    sha256: dict[PosterSize, Sha256] = {}
    media_type: Label | None = None
    locale: Locale | None = None
    render_sha256: Sha256 | None = None
