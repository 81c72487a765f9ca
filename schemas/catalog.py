"""What a shop sells and in which styles it may be shown: products, styles, campaigns."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.types import (
    Colour,
    Currency,
    Id,
    Label,
    MinorUnits,
    Seed,
    Share,
    Text,
    Time,
    Uri,
    Weight,
)

ORIGINAL = "original"
"""The reserved style_id of the photo as it is: always an arm of the choice, never rendered."""

StyleWeights = Annotated[dict[Id, Weight], Meta(min_length=1, max_length=64)]
Palette = Annotated[list[Colour], Meta(min_length=1, max_length=5)]
Categories = Annotated[list[Label], Meta(max_length=200)]
SceneColours = Annotated[tuple[Colour, ...], Meta(min_length=2, max_length=5)]
Ground = Literal["photo", "paper", "transparent", "scene"]
Aspect = Literal["photo", "1:1", "4:5", "9:16", "16:9", "1.91:1"]
"""Width to height of a picture; "photo" is the photo's own."""


class Product(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product of the shop; `image_uri` is its photo. A tombstone of the key removes it."""

    product_id: Id
    title: Text
    category: Label
    image_uri: Uri
    brand: Label | None = None
    price_minor: MinorUnits | None = None
    currency: Currency | None = None
    tags: Annotated[list[Label], Meta(max_length=100)] = []

    def __post_init__(self) -> None:
        if self.price_minor is not None and self.currency is None:
            raise ValueError("price_minor needs a currency beside it")


class Campaign(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The window in which a style is preferred."""

    starts_at: Time
    ends_at: Time
    priority: Annotated[int, Meta(ge=0, le=100)] = 0

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise ValueError("campaign: ends_at must be after starts_at")


class Scene(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a product is shown before or on.

    `backdrop` is one of those that `stylecast scenes` lists. Its colours, the ground's first, suit
    the product by default, or are the style's `palette`. Another seed gives another picture of the
    same kind. `fit` is the product's size, as a share of the room within the margins; `shadow` how
    dark its shadow is, 1 as the backdrop's light has it.
    """

    backdrop: Label
    colours: SceneColours | None = None
    seed: Seed = 0
    fit: Annotated[float, Meta(ge=0.1, le=1)] = 1.0
    shadow: Share = 1.0


class StyleDefinition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a style is drawn: a blend of generator styles, or like a reference picture.

    The colours move to those of the reference, and to `palette` where there is one;
    `keep_product_colour` leaves the product its own hue and chroma. `strength` 0 is the photo, 1
    the render; `seed` draws the noise field. `ground` is what stands around the product: what the
    photo shows, the style's paper, nothing, or a painted `scene`, whose canvas has an `aspect`.
    `product_strength` is the strength within the product, by default `strength`, in a scene 0; 0
    leaves the product as photographed.
    """

    weights: StyleWeights | None = None
    reference_uri: Uri | None = None
    palette: Palette | None = None
    strength: Share = 1.0
    seed: Seed = 0
    keep_product_colour: bool = False
    ground: Ground = "photo"
    product_strength: Share | None = None
    scene: Scene | None = None
    aspect: Aspect = "photo"

    def __post_init__(self) -> None:
        require_one_source(self.weights, self.reference_uri)
        require_scene_fits(self.ground, self.scene, self.aspect)


class Style(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A style that the shop offers: its definition, and for which categories and when."""

    style_id: Id
    label: Label
    weights: StyleWeights | None = None
    reference_uri: Uri | None = None
    palette: Palette | None = None
    strength: Share = 1.0
    seed: Seed = 0
    campaign: Campaign | None = None
    categories: Categories = []
    keep_product_colour: bool = False
    ground: Ground = "photo"
    product_strength: Share | None = None
    scene: Scene | None = None
    aspect: Aspect = "photo"

    def __post_init__(self) -> None:
        require_one_source(self.weights, self.reference_uri)
        require_scene_fits(self.ground, self.scene, self.aspect)
        if self.style_id == ORIGINAL:
            raise ValueError(f"style_id '{ORIGINAL}' is reserved for the photo as it is")

    @property
    def definition(self) -> StyleDefinition:
        """What a render depends on: without the label, the campaign and the categories."""
        return StyleDefinition(
            weights=self.weights,
            reference_uri=self.reference_uri,
            palette=self.palette,
            strength=self.strength,
            seed=self.seed,
            keep_product_colour=self.keep_product_colour,
            ground=self.ground,
            product_strength=self.product_strength,
            scene=self.scene,
            aspect=self.aspect,
        )


def require_one_source(weights: object, reference_uri: object) -> None:
    """Raises ValueError unless exactly one of the two is given."""
    if (weights is None) == (reference_uri is None):
        raise ValueError("exactly one of weights or reference_uri is needed")


def require_scene_fits(ground: Ground, scene: Scene | None, aspect: Aspect) -> None:
    """Raises ValueError unless ground and scene belong together, and aspect to a scene."""
    if (ground == "scene") != (scene is not None):
        raise ValueError("ground 'scene' and a scene belong together; give both or neither")
    if scene is None and aspect != "photo":
        raise ValueError(f"aspect {aspect!r} needs ground 'scene'; other grounds keep the photo's")
