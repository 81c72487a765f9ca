"""The snapshot is rebuilt when a campaign begins or ends, and not in between."""

from __future__ import annotations

from datetime import timedelta

import worlds
from worlds import NOW

from schemas.events import ModelAnnouncement
from stylecore.recommender.catalog import EVER, Catalogue
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.rules import Rules
from stylecore.recommender.style_policy import ChoiceRules
from workers.preferences.snapshot import POPULARITY_SECONDS, SnapshotProvider

HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


class Follower:
    """A follower whose catalogue does not change."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.announced: ModelAnnouncement | None = None


def snapshots_with_theme() -> SnapshotProvider:
    shop = worlds.catalogue(6, ("neon", "winter"))
    shop.put_style(worlds.campaign_style("winter", NOW, NOW + HOUR))
    return SnapshotProvider(
        Follower(shop),  # type: ignore[arg-type] # as much of a CatalogueFollower as is used here
        lambda _: None,
        lambda catalogue: Popularity(catalogue, Rules(), NOW),
        ChoiceRules(),
        lambda: 0.0,
    )


def test_a_snapshot_is_kept_from_one_edge_to_the_next():
    snapshots = snapshots_with_theme()
    before, within, after = (snapshots.snapshot(NOW + at) for at in (-MOMENT, 0 * HOUR, HOUR))
    assert len({id(one) for one in (before, within, after)}) == 3
    winter = before.column_of["winter"]
    assert [one.available[:, winter].any() for one in (before, within, after)] == [0, 1, 0]
    assert snapshots.snapshot(NOW + 2 * HOUR) is after
    within = snapshots.snapshot(NOW)
    assert snapshots.snapshot(NOW + HOUR - MOMENT) is within


def test_lists_are_old_ones_since_the_last_edge():
    snapshots = snapshots_with_theme()
    edges = [snapshots.renewed_at(NOW + at) for at in (-HOUR, HOUR / 2, 2 * HOUR)]
    assert edges == [EVER, NOW, NOW + HOUR]


def test_a_picture_that_comes_leaves_the_ranking_as_it_is_until_popularity_is_looked_at():
    time = [0.0]
    shop = worlds.catalogue(6)
    snapshots = SnapshotProvider(
        Follower(shop),  # type: ignore[arg-type] # as much of a CatalogueFollower as is used here
        lambda _: None,
        lambda catalogue: Popularity(catalogue, Rules(), NOW),
        ChoiceRules(),
        lambda: time[0],
    )
    click = worlds.feedback("ada", "product-1")
    snapshots.popularity.count(click, NOW)
    snapshots.popularity.count(worlds.feedback("ada", "product-2", kind="cart"), NOW)
    first = snapshots.snapshot(NOW)
    snapshots.popularity.count(click, NOW)
    shop.put_render(worlds.render("product-1", "another"))
    second = snapshots.snapshot(NOW + MOMENT)
    assert second is not first
    assert second.ranked is first.ranked
    time[0] = 2 * POPULARITY_SECONDS
    assert snapshots.snapshot(NOW + MOMENT).popularity[1] > first.popularity[1]
