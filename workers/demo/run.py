"""The demo from start to end, and with KEEP the shop that stays open until Ctrl-C.

Kafka and workers start -> products and bad inputs are published -> renders -> shoppers look and
click -> a refit -> shoppers go on -> the scenes of a merchandiser -> lag is zero -> everything
stops -> summary and report.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from schemas.catalog import Ground
from schemas.events import Product, Style
from schemas.topics import PREFERENCE_MODELS, PRODUCTS, RECOMMENDATIONS, STYLES
from stylecore.errors import StylecastError
from stylecore.recommender.simulator import shopper
from stylecore.rendering.manifest import load_manifest
from stylecore.storage.render_cache import style_sha256
from workers.broker import local_broker
from workers.broker.ports import free_port
from workers.demo.fleet import Advance, Fleet, Progress, fleet
from workers.demo.inputs import BAD_PRODUCTS, EXPECTED_DEAD_LETTERS, bad_products, bad_records
from workers.demo.report import DemoResult, Pair, summary_of, write_renders, write_report
from workers.demo.scenes import Gallery, Stage, play, read_dead_letters
from workers.demo.shoppers import Shopping, Visit
from workers.kafka.producer import Publisher
from workers.kafka.records import tombstone
from workers.kafka.table import TableReader, partitions_of
from workers.kafka.topics import apply_topics, topic_name
from workers.lag import collect_lag
from workers.settings import Settings

LOOK_SECONDS = 0.5
WORKERS = ("web", "posters")
PORT = "STYLECAST_WEB__PORT"


def port_for_pages(wanted: int) -> int:
    """Return the port of the settings where it is free, else one that is."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as taken:
            return int(taken.getsockname()[1])
    except OSError:
        return free_port()


def open_pages(workers: Fleet, progress: Progress) -> str:
    """Start what people need; return the pages' address. Raises StylecastError."""
    progress.stage("Opening the shop")
    for worker in WORKERS:
        if worker not in workers.processes:
            workers.start(worker)
    for worker in WORKERS:
        workers.wait_ready(worker)
    return f"http://127.0.0.1:{workers.environment[PORT]}"


def keep_open(workers: Fleet, progress: Progress, address: str) -> None:
    """Wait for Ctrl-C or SIGTERM; a worker that ends by itself is restarted."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    progress.stage(f"The shop is open at {address} until Ctrl-C")
    try:
        while not stop.wait(LOOK_SECONDS):
            workers.require_running()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    progress.stage("Closing the shop")


USER_PARTITIONS = 4
LOOKS = 10
"""Of each shopper before the fit, and after it."""
GUESTS = 12
"""Shoppers who come for the scenes, so that those of the figures see none of a campaign."""
SCENE_PRODUCTS = 6
"""At most: each is drawn several times."""
PATIENCE_SECONDS = 120.0
"""For one more picture."""
SOURCE = "/stylecast/demo"
BLEND = Style(
    style_id="sketchbook",
    label="Sketchbook",
    weights={"watercolour": 0.6, "ink-line": 0.4},
)
"""A merchandiser's own style beside the generator's."""


@dataclass(frozen=True)
class Script:
    """What the demo is to show, and where to."""

    products: list[Product]
    output: Path
    shoppers: int
    seed: int
    keep: bool = False
    """Whether the shop stays open at the end, until Ctrl-C."""
    on_paper: bool = False
    """Whether products are cut out and drawn on each style's paper: for photos of one's own."""


def run_demo(script: Script, settings: Settings, progress: Progress) -> DemoResult:
    """Run the demo and write its output. Raises StylecastError where something does not come."""
    started = time.monotonic()
    script.output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        progress.stage("Starting Kafka")
        broker = stack.enter_context(local_broker())
        environment = _environment(script, broker.bootstrap_servers)
        environment["STYLECAST_WEB__PORT"] = str(port_for_pages(settings.web.port))
        settings = _settings(settings, script, broker.bootstrap_servers)
        apply_topics(settings, USER_PARTITIONS)
        workers = stack.enter_context(fleet(environment, script.output / "logs", progress.stage))
        result = _play(script, settings, workers, progress, stack)
        result.seconds = time.monotonic() - started
        if script.keep:
            result.address = open_pages(workers, progress)
        progress.stage("Writing the report")
        write_renders(result, script.output / "renders")
        summary = msgspec.json.format(msgspec.json.encode(summary_of(result)), indent=2)
        (script.output / "summary.json").write_bytes(summary + b"\n")
        write_report(result, script.output / "report.html")
        if script.keep:
            keep_open(workers, progress, result.address)
    return result


def _play(
    script: Script, settings: Settings, workers: Fleet, progress: Progress, stack: ExitStack
) -> DemoResult:
    progress.stage("Starting the workers")
    for worker in ("stylize", "planner", "preferences", "lag"):
        workers.start(worker)
    for worker in ("stylize", "preferences", "lag"):
        workers.wait_ready(worker)
    launched, newcomer = _with_newcomer(script.products)
    styles = _offered_styles(settings, on_paper=script.on_paper)
    result = DemoResult(products=launched, styles=list(styles))
    publisher = stack.enter_context(Publisher(settings, SOURCE))
    gallery = Gallery(settings)
    stack.callback(gallery.close)

    _publish_styles(script, settings, publisher, workers, styles)
    _publish(script, publisher, result)
    with progress.bar("Rendering", len(result.pairs)) as advance:
        _wait_for_renders(gallery, result, styles, workers, advance)
    result.published, result.rejected = gallery.published, gallery.rejected
    workers.wait_until(
        lambda: len(read_dead_letters(settings)) >= EXPECTED_DEAD_LETTERS,
        "the mistakes do not reach the dead letters",
        60,
    )
    for product_id in BAD_PRODUCTS:  # the shop learns of its mistakes and takes them back
        publisher.send_raw(tombstone(settings, PRODUCTS, product_id.encode()))
    publisher.flush()

    shopping = _shopping(script, settings, result, publisher, stack, "shopper", script.shoppers)
    shopping.wait_for_list(len(launched))
    with progress.bar("Shopping before the fit", script.shoppers * LOOKS) as advance:
        shopping.go_on(LOOKS, advance)
    progress.stage("Fitting factors")
    workers.start("trainer")
    with closing(TableReader(settings, partitions_of(settings, [PREFERENCE_MODELS]))) as models:
        # Preferences loads them while it works.
        workers.wait_until(lambda: any(models.wait(0.2)), "no factors are announced", 60)
    with progress.bar("Shopping after the fit", script.shoppers * LOOKS) as advance:
        shopping.go_on(LOOKS, advance)
    publisher.flush()

    guests = _shopping(script, settings, result, publisher, stack, "guest", GUESTS)
    guests.wait_for_list(len(launched))
    workers.start("posters")
    players = _largest_category(launched)[-SCENE_PRODUCTS:]
    stage = Stage(settings, workers, publisher, gallery, guests, players, result.styles)
    progress.stage("Playing the scenes of a merchandiser")
    for scene in play(stage, newcomer):
        progress.stage(f"Played: {scene.name}")
        result.scenes.append(scene)
    result.products = script.products

    progress.stage("Waiting until all is processed")
    result.visits = list(shopping.visits.values())
    result.latencies = shopping.latencies
    result.feedback_events = shopping.feedback_events + guests.feedback_events
    with suppress(StylecastError):  # what is left of the lag after half a minute is reported
        workers.wait_until(
            lambda: not sum(group.lag for group in collect_lag(settings)), "lag stays", 30
        )
    result.lag_at_end = sum(group.lag for group in collect_lag(settings))
    shopping.read_rest()
    result.recommendations = shopping.recommendations
    result.dead_letters = read_dead_letters(settings)
    return result


def _with_newcomer(products: list[Product]) -> tuple[list[Product], Product | None]:
    """Hold back one of the largest category for the running shop; None where it is the only one."""
    newcomer = _largest_category(products)[-1]
    launched = [product for product in products if product is not newcomer]
    return (launched, newcomer) if launched else (products, None)


def _largest_category(products: list[Product]) -> list[Product]:
    sizes = Counter(product.category for product in products)
    return [product for product in products if product.category == sizes.most_common(1)[0][0]]


def _environment(script: Script, bootstrap_servers: str) -> dict[str, str]:
    """Return the settings of the demo's workers."""
    folders = {str(Path(product.image_uri).parent) for product in script.products}
    prefixes = sorted(folders | {str(_mistakes(script))})
    return {
        "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "STYLECAST_STORE__URI": str((script.output / "store").resolve()),
        "STYLECAST_WORKER__INSTANCE": "demo",
        "STYLECAST_PHOTOS__ALLOWED_PREFIXES": msgspec.json.encode(prefixes).decode(),
        "STYLECAST_PHOTOS__PATIENCE_SECONDS": "5",
        "STYLECAST_PREFERENCES__DEMAND_SECONDS": "2",
        # Visits are as short as the demo's campaigns, or a list of few places would not show these.
        "STYLECAST_PREFERENCES__VISIT_MINUTES": "0.05",
        "STYLECAST_LAG__INTERVAL_SECONDS": "1",
        # A folder of photos may hold a handful, and few shoppers may have been asked for.
        "STYLECAST_TRAINER__LEAST_PRODUCTS": "2",
        "STYLECAST_TRAINER__LEAST_SHOPPERS": str(min(20, max(2, script.shoppers // 2))),
        "PYTHONFAULTHANDLER": "1",  # should a library crash, its log tells where
    }


def _settings(settings: Settings, script: Script, bootstrap_servers: str) -> Settings:
    """Return the same for the demo's own process."""
    kafka = settings.kafka.model_copy(update={"bootstrap_servers": bootstrap_servers})
    uri = str((script.output / "store").resolve())
    return settings.model_copy(
        update={"kafka": kafka, "store": settings.store.model_copy(update={"uri": uri})}
    )


def _mistakes(script: Script) -> Path:
    return (script.output / "mistakes").resolve()


def _offered_styles(settings: Settings, *, on_paper: bool) -> dict[str, Style]:
    """Return the generator's styles by id, and the blend where it can be drawn."""
    manifest = load_manifest(settings.stylize.generator)
    ground: Ground = "paper" if on_paper else "photo"
    styles = {
        style.style_id: Style(
            style_id=style.style_id,
            label=style.label,
            weights={style.style_id: 1.0},
            ground=ground,
        )
        for style in manifest.styles
    }
    if set(BLEND.weights or ()) <= styles.keys():
        styles[BLEND.style_id] = msgspec.structs.replace(BLEND, ground=ground)
    return styles


def _publish_styles(
    script: Script,
    settings: Settings,
    publisher: Publisher,
    workers: Fleet,
    styles: Mapping[str, Style],
) -> None:
    """Publish the styles that are not the generator's own as they are."""
    for style in styles.values():
        if script.on_paper or style.style_id == BLEND.style_id:
            publisher.send(STYLES, style, datetime.now(UTC))
    publisher.flush()
    if script.on_paper:  # else each photo is first drawn in the generator's own
        topic = topic_name(settings, STYLES)

        def are_planned() -> bool:
            parts = [part for group in collect_lag(settings) for part in group.partitions]
            lags = [part.lag for part in parts if part.topic == topic]
            return bool(lags) and not sum(lags)

        workers.wait_until(are_planned, "the planner does not read the styles", PATIENCE_SECONDS)


def _publish(script: Script, publisher: Publisher, result: DemoResult) -> None:
    now = datetime.now(UTC)
    for product in [*result.products, *bad_products(_mistakes(script))]:
        publisher.send(PRODUCTS, product, now)
    for record in bad_records(publisher, now, script.products[0].product_id):
        publisher.send_raw(record)
    publisher.flush()


def _wait_for_renders(
    gallery: Gallery,
    result: DemoResult,
    styles: Mapping[str, Style],
    workers: Fleet,
    advance: Advance,
) -> None:
    """Wait until every pair of product and style is published or rejected, as styles are now.

    A slow machine is waited for as long as one more comes within PATIENCE_SECONDS.
    """
    wanted, done = result.pairs, 0
    drawn_as = {name: style_sha256(style.definition) for name, style in styles.items()}

    def is_drawn(pair: Pair) -> bool:
        image = gallery.published.get(pair) or gallery.rejected.get(pair)
        return image is not None and image.style_sha256 in (None, drawn_as[pair[1]])

    def count() -> int:
        return sum(map(is_drawn, wanted))

    def has_advanced() -> bool:
        return count() > done

    while done < len(wanted):
        workers.wait_until(
            has_advanced,
            "the renders do not come",
            PATIENCE_SECONDS,
            lambda: gallery.wait(0.2),
        )
        before, done = done, count()
        advance(done - before)


def _shopping(
    script: Script,
    settings: Settings,
    result: DemoResult,
    publisher: Publisher,
    stack: ExitStack,
    name: str,
    shoppers: int,
) -> Shopping:
    random = np.random.default_rng(script.seed)
    categories = sorted({product.category for product in script.products})
    visits = [
        Visit(shopper(f"{name}-{number:03d}", result.styles, categories, random))
        for number in range(1, shoppers + 1)
    ]
    reader = TableReader(settings, partitions_of(settings, [RECOMMENDATIONS]))
    stack.callback(reader.close)
    category_of = {product.product_id: product.category for product in script.products}
    return Shopping(visits, category_of, publisher, reader, random)
