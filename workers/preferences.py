"""The preferences worker: feedback in; state, recommendations and demand out.

feedback.events.v1 -> decode, check its place and product -> apply to the shopper's state -> lists
of the touched shoppers -> preferences.users.v1, recommendations.users.v1, style.demand.v1,
offsets in the same transaction. Impressions are the propensity log; they change nothing here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from confluent_kafka import TopicPartition

from schemas.events import Feedback, Recommendations, RecommendedItem, UserState
from schemas.topics import DEMAND, FEEDBACK, RECOMMENDATIONS, USER_STATES, Topic
from stylecore.assortment import Assortment
from stylecore.catalogue import Catalogue
from stylecore.demand import Demand
from stylecore.errors import Permanent
from stylecore.popularity import Popularity
from stylecore.preferences import Rules, apply, style_weights
from stylecore.recommend import EVERYONE, list_for_everyone, recommend, recommendation_id
from stylecore.style_choice import POLICY, ChoiceRules
from workers.catalogue import CatalogueFollower
from workers.dead_letter import dead_letter
from workers.decode import decode_records
from workers.factors import factors_loader
from workers.loop import run_worker
from workers.partitioner import partition_of
from workers.records import Output, Record, output_of
from workers.settings import PreferencesSettings, Settings
from workers.shelves import Shelves
from workers.table import partitions_of
from workers.telemetry import Health, log, stage
from workers.topics import require_topics, topic_name
from workers.user_states import UserStates

WORKER = "preferences"
SOURCE = "/stylecast/preferences"

Taken = tuple[Record, Feedback]


class Misplaced(Permanent):
    """The feedback's key is not its user, or its partition is not its key's."""


class UnknownProduct(Permanent):
    """The feedback is about a product that the catalogue does not hold."""


def run_preferences(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Work until `stop` is set. Raises Permanent where a topic is missing."""
    topics = (FEEDBACK, USER_STATES, RECOMMENDATIONS, DEMAND)
    require_topics(settings, [topic_name(settings, topic) for topic in topics])
    run_worker(
        settings,
        WORKER,
        lambda: PreferencesHandler(settings, stop),
        batch_records=settings.preferences.batch_records,
        health=health,
        stop=stop,
    )


def rules_of(settings: PreferencesSettings) -> tuple[Rules, ChoiceRules]:
    """The recommender's rules from the settings."""
    rules = Rules(
        half_life=timedelta(days=settings.half_life_days),
        cool_down=timedelta(days=settings.cool_down_days),
        history=settings.history,
    )
    return rules, ChoiceRules(exploration=settings.exploration)


class PreferencesHandler:
    """Feedback to records, and the states behind them."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._rules, self._choice_rules = rules_of(settings.preferences)
        self._states = UserStates(settings)
        now = datetime.now(UTC)
        self._shelves = Shelves(
            CatalogueFollower(settings),
            factors_loader(settings, WORKER),
            lambda catalogue: Popularity(catalogue, self._rules, now),
            self._choice_rules,
            time.monotonic,
        )
        self._demand = Demand(now)
        self._demand_due = time.monotonic() + settings.preferences.demand_seconds
        self._everyone: Assortment | None = None
        self._to_count: list[Taken] = []
        self._partitions = len(partitions_of(settings, [FEEDBACK]))
        self.topics = (topic_name(settings, FEEDBACK),)

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Read the catalogue and the states of these partitions. Raises Transient."""
        self._shelves.catch_up(self._stop)
        started = time.monotonic()
        states = self._states.restore([place.partition for place in partitions], self._stop)
        self._shelves.popularity.count_states(states, datetime.now(UTC))
        log.info("restored", users=len(states), seconds=round(time.monotonic() - started, 3))

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Forget the states of these partitions."""
        self._states.drop(place.partition for place in partitions)

    def process(self, records: Sequence[Record]) -> list[Output]:
        """States and lists of the shoppers who did something, and the dead letters."""
        self._shelves.follow()
        with stage(WORKER, "decode"):
            decoded, outputs = decode_records(records, Feedback)
            taken = self._checked(decoded, outputs)
        with stage(WORKER, "apply"):
            touched = self._apply(taken)
        self._to_count = taken
        if touched:
            outputs += self._results(touched)
        return outputs + self._unasked()

    def idle(self) -> list[Output]:
        """Follow the catalogue; write what is due."""
        self._shelves.follow()
        return self._unasked()

    def committed(self) -> None:
        """The batch is in the topics: its states and counts are final."""
        self._states.commit()
        for record, event in self._to_count:
            self._shelves.popularity.count(event, record.at)
        self._to_count = []

    def aborted(self) -> None:
        """The batch comes again."""
        self._states.abort()
        self._to_count = []
        self._everyone = None

    def close(self) -> None:
        """End the connections."""
        self._shelves.close()

    def _checked(self, decoded: Iterable[Taken], outputs: list[Output]) -> list[Taken]:
        """What is in its place and about a known product; dead letters join the outputs."""
        decoded = list(decoded)
        catalogue = self._shelves.catalogue
        if any(not catalogue.has_product(event.product_id) for _, event in decoded):
            self._shelves.catch_up(self._stop)
        taken = []
        for record, event in decoded:
            problem = _misplaced(record, event, self._partitions) or _unknown(event, catalogue)
            if problem is None:
                taken.append((record, event))
            else:
                outputs.append(dead_letter(record, "check", problem))
        return taken

    def _apply(self, taken: Sequence[Taken]) -> dict[str, tuple[Taken, UserState]]:
        """The shoppers whose state has changed, with the last event that changed it."""
        touched: dict[str, tuple[Taken, UserState]] = {}
        for record, event in taken:
            before = self._states.of(record.partition, event.user_id)
            after = apply(before, event, record.at, self._rules)
            if after is not before:
                self._states.put(record.partition, after)
                touched[event.user_id] = ((record, event), after)
        return touched

    def _results(self, touched: dict[str, tuple[Taken, UserState]]) -> list[Output]:
        states = [state for _, state in touched.values()]
        now = max(record.at for (record, _), _ in touched.values())
        assortment = self._shelves.assortment(now)
        with stage(WORKER, "recommend"):
            lists = recommend(
                states,
                assortment,
                now,
                self._rules,
                self._choice_rules,
                self._settings.preferences.items,
            )
        with stage(WORKER, "encode"):
            outputs: list[Output] = []
            for ((record, event), state), items in zip(touched.values(), lists, strict=True):
                self._note_demand(state, items, now)
                found = self._recommendations(event.user_id, items, assortment, now, record, event)
                outputs += (
                    self._output(USER_STATES, state, now, record),
                    self._output(RECOMMENDATIONS, found, now, record),
                )
        return outputs

    def _recommendations(
        self,
        user_id: str,
        items: list[RecommendedItem],
        assortment: Assortment,
        now: datetime,
        record: Record | None = None,
        event: Feedback | None = None,
    ) -> Recommendations:
        partition, offset = (record.partition, record.offset) if record else (0, assortment.changes)
        return Recommendations(
            user_id=user_id,
            recommendation_id=recommendation_id(user_id, partition, offset, assortment.version),
            items=items,
            policy=POLICY,
            factors_version=assortment.version,
            generated_at=now,
            valid_until=now + timedelta(hours=self._settings.preferences.valid_hours),
            caused_by=event.event_id if event else None,
        )

    def _output(
        self, topic: Topic, event: UserState | Recommendations, now: datetime, record: Record
    ) -> Output:
        return output_of(
            self._settings,
            topic,
            event,
            source=SOURCE,
            now=now,
            cause=record,
            partition=record.partition,
            event_id=f"{record.topic}/{record.partition}/{record.offset}",
        )

    def _note_demand(
        self, state: UserState, items: Sequence[RecommendedItem], now: datetime
    ) -> None:
        """The shopper's favourite style is wanted for the products that lack it."""
        liked = style_weights(state, now, self._rules)
        if not liked:
            return
        favourite = max(liked, key=lambda style: (liked[style], style))
        catalogue = self._shelves.catalogue
        lacking = [
            item.product_id
            for item in items
            if not catalogue.has_render(item.product_id, favourite)
        ]
        self._demand.want(state.user_id, lacking, favourite)

    def _unasked(self) -> list[Output]:
        """The list for everyone when the assortment has changed, and demand when it is due."""
        now = datetime.now(UTC)
        outputs = []
        assortment = self._shelves.assortment(now)
        if self._states.owns(0) and assortment is not self._everyone and assortment.present.any():
            self._everyone = assortment
            items = list_for_everyone(
                assortment,
                now,
                self._rules,
                self._choice_rules,
                self._settings.preferences.items,
            )
            found = self._recommendations(EVERYONE, items, assortment, now)
            outputs.append(
                output_of(self._settings, RECOMMENDATIONS, found, source=SOURCE, now=now)
            )
        if time.monotonic() >= self._demand_due:
            self._demand_due = time.monotonic() + self._settings.preferences.demand_seconds
            outputs += [
                output_of(self._settings, DEMAND, wanted, source=SOURCE, now=now)
                for wanted in self._demand.flush(now)
            ]
        return outputs


def _misplaced(record: Record, event: Feedback, partitions: int) -> Misplaced | None:
    if record.key != event.user_id.encode():
        key = (record.key or b"").decode(errors="replace")
        return Misplaced(f"the record's key is {key!r}, its user_id {event.user_id!r}")
    wanted = partition_of(record.key, partitions)
    if record.partition != wanted:
        return Misplaced(
            f"partition {record.partition} is not that of the key, {wanted}: "
            "publish with the partitioner murmur2_random"
        )
    return None


def _unknown(event: Feedback, catalogue: Catalogue) -> UnknownProduct | None:
    if catalogue.has_product(event.product_id):
        return None
    return UnknownProduct(f"no product {event.product_id!r} in the catalogue")
