"""The one table of topics: name, key, event, partitions, clean-up, who writes it.

Everything that creates, checks, documents, reads or writes a topic reads this table.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schemas import events

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
YEAR_DAYS = 366

Cleanup = Literal["compact", "delete"]


class Topic(Struct, frozen=True, kw_only=True):
    """A topic of the table; `key` names the event's fields that make the record key."""

    name: str
    key: tuple[str, ...]
    event: type[Struct]
    cleanup: Cleanup
    written_by: str
    partitions: int = 4
    dead_letters_of: str | None = None
    """The group that owns the topic's dead letters; None where no worker consumes it as input."""
    tombstone: str | None = None
    """What a record without a value does; None where it is a dead letter or not written."""
    tombstone_days: int | None = None
    """How long tombstones stay; None is the broker's own day. Where other clients write, an older
    event of the key may lie in another partition, and no compaction takes it away."""

    def key_of(self, event: Struct) -> bytes:
        """The record key of an event: its key fields joined by '/'."""
        return "/".join(str(getattr(event, field)) for field in self.key).encode()

    @property
    def config(self) -> dict[str, str]:
        """The topic's broker settings."""
        # Kafka 4's own default; older brokers take microseconds, which would be dead letters.
        ahead = {"message.timestamp.after.max.ms": str(60 * MINUTE_MS)}
        if self.cleanup == "compact":
            config = {
                "cleanup.policy": "compact",
                "segment.ms": str(10 * MINUTE_MS),
                "max.compaction.lag.ms": str(60 * MINUTE_MS),
                **ahead,
            }
            if self.tombstone_days is not None:
                config["delete.retention.ms"] = str(self.tombstone_days * DAY_MS)
            return config
        return {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS), **ahead}


USER_PARTITIONS = 12
"""Partitions of every topic keyed by user_id; equal in all, for state follows its feedback."""

PRODUCTS = Topic(
    name="catalog.products.v1",
    key=("product_id",),
    event=events.Product,
    cleanup="compact",
    written_by="platform",
    dead_letters_of="stylecast-planner",
    tombstone="removes the product",
    tombstone_days=YEAR_DAYS,
)
STYLES = Topic(
    name="catalog.styles.v1",
    key=("style_id",),
    event=events.Style,
    cleanup="compact",
    written_by="merchandisers",
    dead_letters_of="stylecast-planner",
    tombstone="removes the style",
    tombstone_days=YEAR_DAYS,
)
FEEDBACK = Topic(
    name="feedback.events.v1",
    key=("user_id",),
    event=events.Feedback,
    cleanup="delete",
    written_by="storefront",
    partitions=USER_PARTITIONS,
    dead_letters_of="stylecast-preferences",
    tombstone="forgets the shopper, in order with the shopper's events",
)
JOBS = Topic(
    name="stylize.jobs.v1",
    key=("product_id",),
    event=events.StylizeJob,
    cleanup="delete",
    written_by="planner, platform",
    dead_letters_of="stylecast-stylize",
)
STYLIZED = Topic(
    name="images.stylized.v1",
    key=("product_id", "style_id"),
    event=events.StylizedImage,
    cleanup="compact",
    written_by="stylize",
    tombstone="takes the render back",
)
REJECTED = Topic(
    name="images.rejected.v1",
    key=("product_id", "style_id"),
    event=events.RejectedImage,
    cleanup="compact",
    written_by="stylize",
    tombstone="takes the rejection back",
)
USER_STATES = Topic(
    name="preferences.users.v1",
    key=("user_id",),
    event=events.UserState,
    cleanup="compact",
    written_by="preferences",
    partitions=USER_PARTITIONS,
    tombstone="removes the state of a forgotten shopper",
)
RECOMMENDATIONS = Topic(
    name="recommendations.users.v1",
    key=("user_id",),
    event=events.Recommendations,
    cleanup="compact",
    written_by="preferences",
    partitions=USER_PARTITIONS,
    tombstone="removes the list of a forgotten shopper",
)
DEMAND = Topic(
    name="style.demand.v1",
    key=("product_id",),
    event=events.StyleDemand,
    cleanup="delete",
    written_by="preferences",
    dead_letters_of="stylecast-planner",
)
PREFERENCE_MODELS = Topic(
    name="models.preferences.v1",
    key=("name",),
    event=events.ModelAnnouncement,
    cleanup="compact",
    written_by="trainer",
)
GENERATOR_MODELS = Topic(
    name="models.generator.v1",
    key=("name",),
    event=events.ModelAnnouncement,
    cleanup="compact",
    written_by="release",
)
POSTER_REQUESTS = Topic(
    name="posters.requests.v1",
    key=("poster_id",),
    event=events.PosterRequest,
    cleanup="compact",
    written_by="merchandisers",
    dead_letters_of="stylecast-posters",
)
POSTERS = Topic(
    name="posters.rendered.v1",
    key=("poster_id",),
    event=events.PosterRendered,
    cleanup="compact",
    written_by="posters",
)

TOPICS: tuple[Topic, ...] = (
    PRODUCTS,
    STYLES,
    FEEDBACK,
    JOBS,
    STYLIZED,
    REJECTED,
    USER_STATES,
    RECOMMENDATIONS,
    DEMAND,
    PREFERENCE_MODELS,
    GENERATOR_MODELS,
    POSTER_REQUESTS,
    POSTERS,
)

DEAD_LETTER_SUFFIX = ".dlq"
DEAD_LETTER_CONFIG = {
    "cleanup.policy": "delete",
    "retention.ms": str(30 * DAY_MS),
    "max.message.bytes": "2000000",  # a record at its own topic's limit, and the reason
}


PLANNER_TABLES = ("products", "styles")
"""What the planner remembers; each has a changelog topic of its own."""
CHANGELOG_CONFIG = {"cleanup.policy": "compact"}


def changelog_topic(planner_group: str, table: str) -> str:
    """The topic in which Faust keeps a table of the planner's."""
    return f"{planner_group}-{table}-changelog"


def dead_letter_topic(topic: str) -> str:
    """The name of the topic that keeps what could not be processed of `topic`."""
    return topic + DEAD_LETTER_SUFFIX


def topic_named(name: str) -> Topic:
    """The topic of the table; raises KeyError with the names that there are."""
    for topic in TOPICS:
        if topic.name == name:
            return topic
    raise KeyError(f"no topic {name!r}; there are: {', '.join(t.name for t in TOPICS)}")
