"""All events, by one import; the data's way: catalogue, renders, preferences."""

from schemas.catalog import ORIGINAL, Campaign, Product, Style, StyleDefinition
from schemas.preferences import (
    Feedback,
    FeedbackKind,
    Interaction,
    ModelAnnouncement,
    RecommendationReason,
    Recommendations,
    RecommendedItem,
    SeenEvent,
    UserState,
)
from schemas.renders import (
    PosterRendered,
    PosterRequest,
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
    "StyleDefinition",
    "StyleDemand",
    "StyleRequest",
    "StylizeJob",
    "StylizedImage",
    "UserState",
]
