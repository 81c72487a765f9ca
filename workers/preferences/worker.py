"""The preferences worker: feedback in; states, recommendations and demand out.

The flow of a batch of feedback.events.v1, in PreferencesHandler.process:

1. decode; dead letters for what is invalid, out of range or about an unknown product; a record in
   another partition than its shopper's is forwarded to that one
2. apply the events to the states of their shoppers; a tombstone resets its shopper's state
3. rank products and choose styles for the shoppers who acted
4. encode: preferences.users.v1, recommendations.users.v1, the offsets in the same transaction

Impressions alone change a state and not a list, so that a list stays as it is while it is looked
at; and of the list that a shopper has, only a few places change at once, until the visit is over.
Besides the batch, and when there is none: the list for everyone (`*`), style.demand.v1, and
lists that the catalogue, the pictures or new factors have made outdated.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from confluent_kafka import TopicPartition

from schemas.events import Feedback, UserState
from schemas.topics import DEMAND, FEEDBACK, RECOMMENDATIONS, USER_STATES
from stylecore.errors import Permanent
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.encode import ListEncoder
from stylecore.recommender.interactions import Moment
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.recommend import (
    EVERYONE,
    RecommendationBatch,
    list_for_everyone,
    rank,
    shelves_of,
    shown_in,
)
from stylecore.recommender.rules import Rules
from stylecore.recommender.shelf import Before
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.style_policy import ChoiceRules
from stylecore.times import TimeOutOfRange, check_times
from workers.catalog import CatalogueFollower
from workers.factors import factors_loader
from workers.kafka.assignment import Handler
from workers.kafka.dead_letters import dead_letter, decode_records
from workers.kafka.loop import run_worker
from workers.kafka.records import Misplaced, Output, Record, check_partition, output_of
from workers.kafka.retry import until_topics
from workers.kafka.table import partitions_of
from workers.kafka.topics import require_user_partitions, topic_id, topic_name
from workers.preferences.outputs import (
    SOURCE,
    Demand,
    Touched,
    in_place_of_offset,
    list_event,
    refreshed_outputs,
    shopper_outputs,
)
from workers.preferences.refresh import AT_REST, BESIDE_FEEDBACK, ListRefresh, Place
from workers.preferences.snapshot import SnapshotProvider
from workers.preferences.state import (
    Taken,
    UserStates,
    apply_feedback,
    checked_tombstones,
    gc_frozen,
    raise_gc_threshold,
    tombstone_outputs,
)
from workers.settings import PreferencesSettings, Settings
from workers.telemetry import Health, log, stage

WORKER = "preferences"

EVERYONE_AGE = timedelta(hours=1)
"""An unchanged list for everyone is written again after this, before it expires."""
COUNTED_AT_ONCE = 10_000
"""States counted for popularity at a time: all of a million would need too much memory."""


class UnknownProduct(Permanent):
    """The feedback is about a product that is not in the catalogue."""


def require_product(catalogue: Catalogue, product_id: str) -> None:
    """Raises UnknownProduct where the catalogue, read to its end, does not have the product."""
    if not catalogue.has_product(product_id):
        raise UnknownProduct(f"no product {product_id!r} in the catalogue")


def run_preferences(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Run the worker until `stop` is set.

    Raises Permanent where a topic is missing, or those keyed by user differ in partitions.
    """
    topics = (FEEDBACK, USER_STATES, RECOMMENDATIONS, DEMAND)
    until_topics(settings, [topic_name(settings, topic) for topic in topics], stop)
    require_user_partitions(settings)
    raise_gc_threshold()
    run_worker(
        settings,
        WORKER,
        lambda: PreferencesHandler(settings, stop),
        batch_records=settings.preferences.batch_records,
        health=health,
        stop=stop,
    )


def rules_of(settings: PreferencesSettings) -> tuple[Rules, ChoiceRules]:
    """Return the recommender's rules from the settings."""
    rules = Rules(
        half_life=timedelta(days=settings.half_life_days),
        cool_down=timedelta(days=settings.cool_down_days),
        history=settings.history,
        usual_rate=settings.usual_rate,
        changes=settings.shelf_changes,
    )
    return rules, ChoiceRules(
        exploration=settings.exploration, campaign_weight=settings.campaign_weight
    )


class PreferencesHandler(Handler):
    """Turns feedback into states, lists and demand."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._rules, self._choice_rules = rules_of(settings.preferences)
        name = topic_name(settings, FEEDBACK)
        self._states = UserStates(settings, topic_id(settings, name))
        self._refresh = ListRefresh(self._states)
        self._visit = timedelta(minutes=settings.preferences.visit_minutes)
        now = datetime.now(UTC)
        self._snapshots = SnapshotProvider(
            CatalogueFollower(settings),
            factors_loader(settings, WORKER),
            lambda catalogue: Popularity(catalogue, self._rules, now),
            self._choice_rules,
            time.monotonic,
        )
        self._demand = Demand(now)
        self._demand_due = time.monotonic() + settings.preferences.demand_seconds
        self._everyone: CatalogSnapshot | None = None
        self._shown_to_everyone: list[str] = []
        self._shown_at = now
        self._encoder: ListEncoder | None = None
        self._to_count: list[Touched] = []
        self._counted: set[int] = set()
        self._partitions = len(partitions_of(settings, [FEEDBACK]))
        self.topics = (name,)

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Restore the catalogue and the states of these partitions. Raises Transient."""
        self._snapshots.catch_up(self._stop)
        now = datetime.now(UTC)
        # Before the states are restored: `resume` decides whether their lists are refreshed.
        self._refresh.start_for_edition(self._snapshots.snapshot(now).edition, now)
        started = time.monotonic()
        numbers = [place.partition for place in partitions]
        with gc_frozen():
            restored = self._states.restore(numbers, self._stop)
        now = datetime.now(UTC)
        self._count_once(restored, now)
        self._refresh.resume(numbers, self._snapshots.renewed_at(now), now)
        users = sum(map(len, restored.values()))
        log.info("states_restored", users=users, seconds=round(time.monotonic() - started, 3))

    def _count_once(self, restored: dict[int, dict[str, UserState]], now: datetime) -> None:
        """Count popularity by the states, once for each partition that was ever assigned."""
        if not self._snapshots.needs_popularity:
            return
        new = restored.keys() - self._counted
        states = [state for number in new for state in restored[number].values()]
        for first in range(0, len(states), COUNTED_AT_ONCE):
            self._snapshots.popularity.count_states(states[first : first + COUNTED_AT_ONCE], now)
        self._counted |= new
        self._snapshots.refresh_popularity()

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop the states of these partitions."""
        self._states.drop(place.partition for place in partitions)

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Return states and lists of the shoppers in the batch, and dead letters."""
        self._snapshots.follow()
        records = self._states.unapplied(records)
        with stage(WORKER, "decode"):
            events = [record for record in records if record.value is not None]
            decoded, outputs = decode_records(events, Feedback)
            taken = self._checked(decoded, outputs)
            forgotten = checked_tombstones(records, self._partitions, outputs)
        with stage(WORKER, "apply"):
            touched = apply_feedback(self._states, taken, forgotten, self._rules)
        self._to_count = [shopper for shopper in touched if shopper.acted]
        outputs += tombstone_outputs(self._settings, forgotten, self._states.applied_headers)
        if touched:
            outputs += self._results(touched)
        return outputs + self._background_outputs(BESIDE_FEEDBACK)

    def _checked(self, decoded: Sequence[Taken], outputs: list[Output]) -> list[Taken]:
        """Return the events in their own partition and about known products.

        Dead letters and forwarded records are appended to `outputs`.
        """
        named, now = {event.product_id for _, event in decoded}, datetime.now(UTC)
        has_product = self._snapshots.catalogue.has_product
        if not all(map(has_product, named)):
            self._snapshots.catch_up(self._stop)
        taken = []
        for record, event in decoded:
            try:
                check_times(event, now)
                elsewhere = check_partition(record, event.user_id, self._partitions)
                if elsewhere is None:
                    require_product(self._snapshots.catalogue, event.product_id)
            except (Misplaced, TimeOutOfRange, UnknownProduct) as problem:
                outputs.append(dead_letter(record, "check", problem))
                continue
            if elsewhere is None:
                taken.append((record, event))
            else:
                outputs.append(elsewhere)
        return taken

    def _results(self, touched: list[Touched]) -> list[Output]:
        """Return the records of all changed states, and of the lists of shoppers who acted."""
        snapshot = self._snapshots.snapshot(datetime.now(UTC))
        acted = [shopper for shopper in touched if shopper.acted]
        states = [shopper.state for shopper in acted]
        with stage(WORKER, "recommend"):
            before = [
                Before(
                    self._states.shelf(record.partition, event.user_id),
                    event.product_id,
                    event.position,
                )
                for record, event, _, _ in acted
            ]
            batch = self._rank(states, snapshot, [shopper.record.at for shopper in acted], before)
            places = [(shopper.record.partition, shopper.event.user_id) for shopper in acted]
            self._put_shelves(places, snapshot, batch)
            self._refresh.note_visits(
                itertools.compress(places, batch.unsettled.tolist()), datetime.now(UTC)
            )
            self._demand.want_lacking([state.user_id for state in states], snapshot, batch)
        with stage(WORKER, "encode"):
            items = iter(self._encoder_of(snapshot).encode(batch))
            headers = (self._states.applied_headers, self._states.shelf_headers)
            return list(shopper_outputs(self._settings, touched, items, snapshot, *headers))

    def _rank(
        self,
        states: Sequence[UserState],
        snapshot: CatalogSnapshot,
        now: Moment,
        before: Sequence[Before],
    ) -> RecommendationBatch:
        items = self._settings.preferences.items
        return rank(states, snapshot, now, self._rules, self._choice_rules, items, before)

    def _put_shelves(
        self, places: Iterable[Place], snapshot: CatalogSnapshot, batch: RecommendationBatch
    ) -> None:
        """Note the lists that the shoppers of these places will have."""
        for place, shelf in zip(places, shelves_of(snapshot, batch), strict=True):
            self._states.put_shelf(*place, shelf)

    def _encoder_of(self, snapshot: CatalogSnapshot) -> ListEncoder:
        """Return the encoder, whose cache is good as long as the snapshot is the same."""
        if self._encoder is None or self._encoder.snapshot is not snapshot:
            self._encoder = ListEncoder(snapshot)
        return self._encoder

    def committed(self) -> None:
        """Make states and counts of the batch final."""
        if self._to_count and self._snapshots.needs_popularity:
            changes = [
                (self._states.known(shopper.record.partition, shopper.state.user_id), shopper.state)
                for shopper in self._to_count
            ]
            self._snapshots.popularity.count_changes(changes, datetime.now(UTC))
        self._to_count = []
        self._states.commit()
        self._refresh.committed()

    def aborted(self) -> None:
        """Drop the changes of the batch."""
        self._states.abort()
        self._refresh.aborted()
        self._to_count = []
        self._everyone, self._shown_to_everyone = None, []

    def idle(self) -> list[Output]:
        """Follow the catalogue; return what is due without feedback."""
        self._snapshots.follow()
        return self._background_outputs(AT_REST)

    def _background_outputs(self, refreshed: int) -> list[Output]:
        """Return what no feedback causes: outdated lists of at most `refreshed` shoppers, the list
        for everyone when the snapshot has changed, and demand when it is due.
        """
        now = datetime.now(UTC)
        snapshot = self._snapshots.snapshot(now)
        outputs = self._settled(snapshot, now, refreshed) + self._refreshed(
            snapshot, now, refreshed
        )
        if self._states.owns(0) and snapshot is not self._everyone and snapshot.present.any():
            self._everyone = snapshot
            outputs += self._list_for_everyone(snapshot, now)
        if time.monotonic() >= self._demand_due:
            self._demand_due = time.monotonic() + self._settings.preferences.demand_seconds
            outputs += [
                output_of(self._settings, DEMAND, wanted, source=SOURCE, now=now)
                for wanted in self._demand.flush(now)
            ]
        return outputs

    def _refreshed(self, snapshot: CatalogSnapshot, now: datetime, most: int) -> list[Output]:
        self._refresh.start_for_edition(snapshot.edition, now)
        pause = timedelta(seconds=self._settings.preferences.pictures_seconds)
        self._refresh.start_for_pictures(self._snapshots.catalogue.take_redrawn, now, pause)
        shoppers = self._refresh.take(most)
        if not shoppers:
            return []
        before = [self._before(number, state, now) for number, state in shoppers]
        batch = self._rank([state for _, state in shoppers], snapshot, now, before)
        if self._refresh.redrawn is not None:  # only lists that show one of these products
            shows = shown_in(batch, snapshot, self._refresh.redrawn)
            self._refresh.skip(itertools.compress(shoppers, ~shows))
            shoppers = list(itertools.compress(shoppers, shows))
            batch = batch.of(shows)
        same = self._refresh.redrawn is not None
        return self._without_cause(shoppers, snapshot, batch, now, same_products=same)

    def _before(self, number: int, state: UserState, now: datetime) -> Before:
        """Return the list of a shopper whose visit lasts."""
        is_over = not state.recent_events or now - state.recent_events[-1].at >= self._visit
        return Before() if is_over else Before(self._states.shelf(number, state.user_id))

    def _settled(self, snapshot: CatalogSnapshot, now: datetime, most: int) -> list[Output]:
        """Return the whole lists of shoppers whose visits are over."""
        shoppers = self._refresh.take_ended(most, now - self._visit)
        if not shoppers:
            return []
        states = [state for _, state in shoppers]
        batch = self._rank(states, snapshot, now, [Before()] * len(states))
        return self._without_cause(shoppers, snapshot, batch, now, same_products=False)

    def _without_cause(
        self,
        shoppers: Sequence[tuple[int, UserState]],
        snapshot: CatalogSnapshot,
        batch: RecommendationBatch,
        now: datetime,
        *,
        same_products: bool,
    ) -> list[Output]:
        """Return lists that no record has caused, and the states whose headers hold them."""
        self._put_shelves([(number, one.user_id) for number, one in shoppers], snapshot, batch)
        items, states = self._encoder_of(snapshot).encode(batch), self._states
        return list(
            refreshed_outputs(
                self._settings,
                shoppers,
                items,
                snapshot,
                now,
                same_products=same_products,
                headers_of=lambda *place: (
                    states.applied_headers(place[0]) + states.shelf_headers(*place)
                ),
            )
        )

    def _list_for_everyone(self, snapshot: CatalogSnapshot, now: datetime) -> list[Output]:
        """Return the list for everyone, unless the last one shows the same and is recent."""
        items = list_for_everyone(
            snapshot, now, self._rules, self._choice_rules, self._settings.preferences.items
        )
        shown = [snapshot.edition, *(item.image_uri for item in items)]
        if shown == self._shown_to_everyone and now - self._shown_at < EVERYONE_AGE:
            return []
        self._shown_to_everyone, self._shown_at = shown, now
        place = (0, in_place_of_offset(now))
        found = list_event(self._settings, EVERYONE, items, snapshot, now, place)
        return [output_of(self._settings, RECOMMENDATIONS, found, source=SOURCE, now=now)]

    def close(self) -> None:
        """Close the connections."""
        self._snapshots.close()
