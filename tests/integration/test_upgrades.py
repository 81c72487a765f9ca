"""From one version to the next and back while shoppers go on: deploy/UPGRADES.md, tried."""

import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
import worlds
from command_line import stylecast
from confluent_kafka.admin import NewPartitions
from helpers import wait_until
from integration.instances import instances
from integration.shop import click, job_of, latest, publish_products, read_all, read_dead_letters_of

from schemas.codec import decode
from schemas.events import (
    ModelAnnouncement,
    Recommendations,
    StylizedImage,
    StylizeJob,
    UserState,
)
from schemas.topics import (
    FEEDBACK,
    GENERATOR_MODELS,
    JOBS,
    PRODUCTS,
    RECOMMENDATIONS,
    STYLIZED,
    USER_STATES,
    dead_letter_topic,
)
from stylecore.models import GENERATOR
from stylecore.recommender import factors as artifact
from stylecore.storage.prune import FACTORS
from stylecore.storage.store import Store
from workers.demo.inputs import sample_products
from workers.kafka.admin import admin_client
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, partition_of, tombstone
from workers.kafka.topics import apply_topics, topic_name
from workers.lag import collect_lag

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("topics"),
    pytest.mark.timeout(300),
]

NOW = datetime.now(UTC)
QUICK = {
    "STYLECAST_WORKER__SESSION_TIMEOUT_SECONDS": "6",
    "STYLECAST_WORKER__TRANSACTION_TIMEOUT_SECONDS": "5",
    "STYLECAST_PREFERENCES__BATCH_RECORDS": "50",
    "STYLECAST_STYLIZE__BATCH_JOBS": "2",
    "STYLECAST_STYLIZE__THREADS": "1",
    "STYLECAST_PHOTOS__ALLOWED_PREFIXES": json.dumps(
        [str(Path(sample_products()[0].image_uri).parents[1])]
    ),
}


@pytest.fixture
def fleet(environment):
    with instances(environment, **QUICK) as running:
        yield running


def lag_of(settings, worker):
    group = f"{settings.kafka.topic_prefix}stylecast-{worker}"
    return next((each.lag for each in collect_lag(settings) if each.group == group), 1)


def wait_for_no_lag(settings, *workers):
    for worker in workers:
        wait_until(lambda worker=worker: lag_of(settings, worker) == 0, 90)


def in_old_shape(settings, event):
    """As a publisher of the first days or kcat sends it: no headers, the required fields only."""
    required = ("event_id", "user_id", "kind", "product_id", "occurred_at")
    value = {name: msgspec.to_builtins(event)[name] for name in required}
    name = topic_name(settings, FEEDBACK)
    return Output(topic=name, key=event.user_id.encode(), value=msgspec.json.encode(value))


def in_new_shape(settings, event):
    """As a publisher of a later version: with fields that nobody here knows."""
    value = {**msgspec.to_builtins(event), "device": {"kind": "phone"}, "v": 2}
    name = topic_name(settings, FEEDBACK)
    return Output(
        topic=name,
        key=event.user_id.encode(),
        value=msgspec.json.encode(value),
        headers=[("ce_type", b"com.stylecast.feedback.v1"), ("ce_new", b"?")],
    )


def test_a_rolling_restart_under_events_of_old_and_new_shape_loses_and_doubles_nothing(
    settings, fleet
):
    products = publish_products(settings, 3)
    events = [click(n, f"shopper-{n % 20}", products[n % 3]) for n in range(200)]
    old_state = {"user_id": "shopper-0", "interactions": [], "later": {"field": 1}}
    with Publisher(settings, "/test") as publisher:
        place = partition_of(b"shopper-0", 4)
        name = topic_name(settings, USER_STATES)
        value = msgspec.json.encode(old_state)
        publisher.send_raw(Output(topic=name, key=b"shopper-0", value=value, partition=place))
    for instance in ("one", "two"):
        fleet.start("preferences", instance)
    with Publisher(settings, "/test") as publisher:
        for number, event in enumerate(events):
            shape = in_old_shape if number % 2 else in_new_shape
            publisher.send_raw(shape(settings, event))
            if number in {60, 130}:
                instance = "one" if number == 60 else "two"
                publisher.flush()
                fleet.stop(instance)
                fleet.start("preferences", instance)
    wait_for_no_lag(settings, "preferences")
    states = latest(read_all(settings, USER_STATES))
    seen = Counter(
        event.event_id
        for value in states.values()
        for event in decode(UserState, value).recent_events
    )
    assert seen == {event.event_id: 1 for event in events}
    assert read_dead_letters_of(settings, FEEDBACK) == []
    assert latest(read_all(settings, RECOMMENDATIONS)).keys() >= states.keys()


def generator(folder, version):
    """The generator that ships, under another version."""
    shutil.copytree(GENERATOR, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "version": version}))
    return str(folder)


def renders(settings):
    found = latest(read_all(settings, STYLIZED)).values()
    return {
        (image.product_id, image.style_id): image
        for image in (decode(StylizedImage, value) for value in found)
    }


def test_a_new_generator_draws_again_only_what_is_wanted_and_going_back_draws_nothing(
    settings, fleet, tmp_path
):
    old = {"STYLECAST_STYLIZE__MODEL": generator(tmp_path / "old", "old")}
    new = {"STYLECAST_STYLIZE__MODEL": generator(tmp_path / "new", "new")}
    styles = "STYLECAST_PLANNER__GENERATOR_STYLES"
    fleet.start("stylize", "renderer", **old)
    fleet.start("planner", "planner", **old, **{styles: '["watercolour", "ink-line"]'})
    products = publish_products(settings, 2)
    wait_until(lambda: len(renders(settings)) == 4, 90)
    first = renders(settings)

    # The renderers first: the version is announced, and old renders are served until then.
    fleet.stop("renderer")
    fleet.start("stylize", "renderer", **new)

    def announced():
        return decode(ModelAnnouncement, latest(read_all(settings, GENERATOR_MODELS))[b"generator"])

    wait_until(lambda: announced().version == "new", 30)
    assert renders(settings) == first

    # A product that is no longer sold, and a style that is no longer wanted, are not drawn again.
    with Publisher(settings, "/test") as publisher:
        publisher.send_raw(tombstone(settings, PRODUCTS, products[1].product_id.encode()))
    wait_until(lambda: len(renders(settings)) == 2, 60)
    before = {(record.partition, record.offset) for record in read_all(settings, JOBS)}
    fleet.stop("planner")
    fleet.start("planner", "planner", **new, **{styles: '["ink-line"]'})
    key = (products[0].product_id, "ink-line")
    wait_until(lambda: renders(settings)[key].model == "new", 60)
    wait_until(lambda: renders(settings).keys() == {key}, 60)
    (job,) = [
        decode(StylizeJob, record.value)
        for record in read_all(settings, JOBS)
        if (record.partition, record.offset) not in before
    ]
    assert (job.product_id, [s.style_id for s in job.styles]) == (key[0], ["ink-line"])

    # Back again: the very pictures of before, found by their sidecars.
    fleet.stop("renderer")
    fleet.start("stylize", "renderer", **old)
    fleet.stop("planner")
    drawn = len(Store(settings.store.uri).files("renders"))
    fleet.start("planner", "planner", **old, **{styles: '["ink-line"]'})
    wait_until(lambda: renders(settings)[key].model == "old", 60)
    assert renders(settings)[key].image_uri == first[key].image_uri
    assert len(Store(settings.store.uri).files("renders")) == drawn


def test_factors_go_forward_and_back_and_every_list_says_with_which_it_was_made(
    settings, fleet, environment
):
    publish_products(settings, 3)
    store = Store(settings.store.uri)
    versions = []
    for seed in (1, 2):
        factors = worlds.factors(5, 8, np.random.default_rng(seed))
        versions.append(factors.version)
        store.put_blob(FACTORS, artifact.encode(factors), artifact.SUFFIX)

    def factors_command(*arguments):
        done = stylecast("factors", *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def in_use():
        value = latest(read_all(settings, RECOMMENDATIONS)).get(b"*")
        return None if value is None else decode(Recommendations, value).factors_version

    fleet.start("preferences", "one")
    for version in (versions[0], versions[1], versions[0]):
        factors_command("use", version)
        wait_until(lambda version=version: in_use() == version, 120)
        rows = json.loads(factors_command("list", "--json"))
        assert {row["version"] for row in rows} == set(versions)
        assert [row["version"] for row in rows if row["in_use"]] == [version]


def test_jobs_get_more_partitions_in_place_and_each_is_done_once(settings, fleet):
    products = publish_products(settings, 8)
    fleet.start("stylize", "one")

    def publish(chosen):
        with Publisher(settings, "/test") as publisher:
            for product in chosen:
                publisher.send(JOBS, job_of(product, NOW), NOW)

    publish(products[:4])
    admin = admin_client(settings)
    for name in (JOBS.name, dead_letter_topic(JOBS.name)):
        wanted = NewPartitions(topic_name(settings, name), 8)
        for done in admin.create_partitions([wanted]).values():
            done.result(30)
    fleet.stop("one")  # a client sees new partitions after five minutes, or when it starts
    fleet.start("stylize", "one")
    publish(products[4:])
    wait_until(lambda: len(renders(settings)) == 8, 90)
    wait_for_no_lag(settings, "stylize")
    assert len(read_all(settings, STYLIZED)) == 8
    assert {record.partition for record in read_all(settings, JOBS)} - {0, 1, 2, 3}


def test_shoppers_get_more_partitions_under_another_prefix_and_keep_their_states(
    settings, fleet, environment, prefix
):
    products = publish_products(settings, 2)
    shoppers = [f"shopper-{number}" for number in range(12)]

    def publish(there, first):
        with Publisher(there, "/test") as publisher:
            for number, user in enumerate(shoppers, start=first):
                publisher.send(FEEDBACK, click(number, user, products[0]), NOW)

    def states(there):
        found = latest(read_all(there, USER_STATES)).values()
        decoded = (decode(UserState, value) for value in found)
        return {state.user_id: len(state.recent_events) for state in decoded}

    fleet.start("preferences", "one")
    publish(settings, 0)
    wait_for_no_lag(settings, "preferences")
    fleet.stop("one")

    more = f"{prefix}more."
    kafka = settings.kafka.model_copy(update={"topic_prefix": more})
    there = settings.model_copy(update={"kafka": kafka})
    apply_topics(there, 6)
    copied = json.loads(
        stylecast("topics", "copy", "--to-prefix", more, "--json", **environment).stdout
    )
    assert copied[topic_name(there, USER_STATES)] == len(shoppers)
    assert copied[topic_name(there, PRODUCTS)] == 2

    fleet.start("preferences", "one", STYLECAST_KAFKA__TOPIC_PREFIX=more)
    publish(there, 100)
    wait_for_no_lag(there, "preferences")
    assert states(there) == dict.fromkeys(shoppers, 2)
    for record in read_all(there, USER_STATES):
        assert record.partition == partition_of(record.key, 6)
    assert read_dead_letters_of(there, FEEDBACK) == []
