"""All events, by one import; the data's way: catalogue, renders, preferences, posters."""

from schemas.catalog import ORIGINAL, Campaign, Product, Style, StyleDefinition
from schemas.posters import PosterRendered, PosterRequest
from schemas.preferences import (
    Feedback,
    FeedbackKind,
    Interaction,
    Look,
    ModelAnnouncement,
    RecommendationReason,
    Recommendations,
    RecommendedItem,
    SeenEvent,
    StyleCount,
    StyleCounts,
    UserState,
)
from schemas.renders import (
    Quality,
    RejectedImage,
    RejectionReason,
    StyleDemand,
    StyleRequest,
    StylizedImage,
    StylizeJob,
)

__all__ = [
    "ORIGINAL",
    "Campaign",
    "Feedback",
    "FeedbackKind",
    "Interaction",
    "Look",
    "ModelAnnouncement",
    "PosterRendered",
    "PosterRequest",
    "Product",
    "Quality",
    "RecommendationReason",
    "Recommendations",
    "RecommendedItem",
    "RejectedImage",
    "RejectionReason",
    "SeenEvent",
    "Style",
    "StyleCount",
    "StyleCounts",
    "StyleDefinition",
    "StyleDemand",
    "StyleRequest",
    "StylizeJob",
    "StylizedImage",
    "UserState",
]
