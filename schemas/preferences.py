"""What shoppers do and what follows from it: feedback, state, recommendations, models."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.types import (
    Id,
    Label,
    Propensity,
    Sha256,
    Share,
    ShopperId,
    TakenId,
    Text,
    Time,
    Uri,
)

FeedbackKind = Literal["impression", "click", "cart", "purchase", "dismiss"]
ReasonKind = Literal["history", "style", "popular", "explore", "new"]
Score = Annotated[float, Meta(ge=-1e9, le=1e9)]
Places = Annotated[int, Meta(ge=0, lt=2**62)]


class Feedback(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something a shopper did; the last four are copied from the recommendation."""

    event_id: Id
    user_id: Id
    kind: FeedbackKind
    product_id: Id
    occurred_at: Time
    style_id: Id | None = None
    recommendation_id: Id | None = None
    position: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    propensity: Propensity | None = None
    policy: Label | None = None


class Interaction(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A shopper's history with a product in a style, as it was at `updated_at`.

    `weight` is for the product, `style_evidence` (log-odds) for the style in the shop's counts.
    `acted_at` is when the last click or cart happened, `carted_at` the last cart, `purchased_at`
    the last purchase: a dismissal that is delivered after them and happened before does not count.
    """

    product_id: TakenId
    weight: Annotated[float, Meta(ge=0, le=1e9)]
    updated_at: Time
    style_id: TakenId | None = None
    style_evidence: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    purchased_at: Time | None = None
    dismissed_at: Time | None = None
    acted_at: Time | None = None
    carted_at: Time | None = None


class SeenEvent(Struct, frozen=True, array_like=True, gc=False):
    """An event id that counts as repeated, and when it came."""

    event_id: TakenId
    at: Time


class StyleCount(Struct, frozen=True, array_like=True, gc=False):
    """How often a shopper saw a style and acted on it, decayed to `StyleCounts.at`.

    `log_odds` is what actions gave whose impression is not counted in `seen`.
    """

    style_id: TakenId
    seen: Annotated[float, Meta(ge=0, le=1e9)]
    acted: Annotated[float, Meta(ge=0, le=1e9)]
    log_odds: Annotated[float, Meta(ge=0, le=1e9)] = 0.0


class ImpressionBitmap(Struct, frozen=True, array_like=True, gc=False):
    """The places of a shopper's latest list that were seen and acted on: bit p is position p."""

    recommendation_id: TakenId
    seen: Places
    acted: Places


class StyleCounts(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Impressions and actions by style, as they were at `at`."""

    at: Time
    styles: Annotated[tuple[StyleCount, ...], Meta(max_length=64)] = ()
    look: ImpressionBitmap | None = None


class UserState(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """All that preferences keeps of a shopper: the topic is the state.

    A state written before there were `style_counts` has none; its interactions stand for them.
    """

    # Tuples and gc=False, for a million of these would slow the garbage collector; none can be
    # part of a cycle.

    user_id: Id
    interactions: Annotated[tuple[Interaction, ...], Meta(max_length=1000)] = ()
    recent_events: Annotated[tuple[SeenEvent, ...], Meta(max_length=256)] = ()
    style_counts: StyleCounts | None = None


class RecommendationReason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item is in the list, for people; `because` names the past products behind it.

    `share` of the item's score, 0 to 1 in tenths, is what these products carried there; `style_id`
    is the style in which the shopper did that.
    """

    kind: ReasonKind
    text: Text
    because: Annotated[list[Id], Meta(max_length=5)] = []
    style_id: Id | None = None
    share: Share | None = None


class RecommendedItem(Struct, frozen=True, kw_only=True):
    """A product in the style in which to show it; `propensity` is the style's probability."""

    product_id: Id
    style_id: Id
    image_uri: Uri
    score: Score
    propensity: Propensity
    reason: RecommendationReason


class Recommendations(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shopper's list, best first. The key `*` holds the list for one whom nobody knows."""

    user_id: ShopperId
    recommendation_id: Id
    items: Annotated[list[RecommendedItem], Meta(max_length=200)]
    policy: Label
    factors_version: Label
    generated_at: Time
    valid_until: Time
    caused_by: Id | None = None


class ModelAnnouncement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model version to use from now on: preferences factors or generator.

    While the version in use is `pinned`, the trainer announces no other.
    """

    name: Id
    version: Label
    uri: Uri
    sha256: Sha256
    made_at: Time
    parent: Label | None = None
    metrics: dict[str, float] = {}
    pinned: bool = False
