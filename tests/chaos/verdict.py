"""What came of a storm, by read_committed: counted by the input's place in the output headers.

The topics are not compacted meanwhile, so that every record ever committed is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlparse

from chaos.load import GENERATOR_STYLES, Load
from chaos.replay import Replay, replay
from integration.shop import has_input, input_of, latest, read_all, read_dead_letters_of
from msgspec import Struct

from schemas.codec import decode
from schemas.events import Recommendations, RejectedImage, StylizedImage, StylizeJob
from schemas.topics import FEEDBACK, JOBS, RECOMMENDATIONS, REJECTED, STYLIZED, USER_STATES
from workers.kafka.crash_guard import Crashed
from workers.kafka.records import Record
from workers.preferences.worker import rules_of
from workers.settings import Settings

SHOWN = 5
MOST_SET_ASIDE = 0.02
"""Share of the jobs: a storm strikes the same job twice in a row now and then, and not often."""
Place = tuple[int, int]
Picture = StylizedImage | RejectedImage


class Verdict(Struct):
    """Counts of a storm; `problems` says in words what must not be."""

    jobs: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    state_equal: bool = False
    doubled_orders: int = 0
    """Job records that repeat an earlier one: the planner is at-least-once."""
    renders: int = 0
    redrawn: int = 0
    """Renders whose drawing began again although they lay in the store."""
    interrupted: int = 0
    """Drawings that were begun, lost with their process, and begun again."""
    set_aside: int = 0
    """Jobs in the dead letters because workers were killed over them alone (CrashGuard)."""
    problems: list[str] = []
    troubles: list[str] = []
    """Processes that ended by themselves or would not end, in words."""

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        counted = self.lost or self.doubled or self.redrawn
        return self.state_equal and not (counted or self.problems or self.troubles)


def judge(settings: Settings, load: Load, draws: Path) -> Verdict:
    """Read everything and count."""
    verdict = Verdict()
    pictures = [
        (record, decode(kind, record.value))
        for topic, kind in ((STYLIZED, StylizedImage), (REJECTED, RejectedImage))
        for record in read_all(settings, topic)
        if record.value is not None
    ]
    _judge_jobs(settings, load, pictures, verdict)
    images = _judge_images([picture for _, picture in pictures], verdict)
    _judge_feedback(settings, load, images, verdict)
    _judge_draws(draws.read_text().splitlines(), verdict)
    return verdict


def _judge_jobs(
    settings: Settings,
    load: Load,
    pictures: list[tuple[Record, Picture]],
    verdict: Verdict,
) -> None:
    """Each style of each job record once, or the record in the dead letters once."""
    jobs = read_all(settings, JOBS)
    letters = read_dead_letters_of(settings, JOBS)
    dead = _dead_places(letters)
    crashed = _dead_places(letter for letter in letters if _was_set_aside(letter))
    verdict.set_aside = crashed.total()
    if crashed.total() > MOST_SET_ASIDE * len(jobs):
        verdict.problems.append(f"{crashed.total()} jobs of {len(jobs)} set aside as crashing")
    found = Counter((_place(input_of(record)), record.key) for record, _ in pictures)
    have = {record.key for record, _ in pictures}
    ordered: Counter[str] = Counter()
    for record in jobs:
        place = (record.partition, record.offset)
        job = decode(StylizeJob, record.value)
        ordered[job.job_id] += 1
        counts = [
            found.pop((place, f"{job.product_id}/{request.style_id}".encode()), 0)
            for request in job.styles
        ]
        if place in crashed:
            have |= {f"{job.product_id}/{request.style_id}".encode() for request in job.styles}
        if job.image_uri == load.missing_photo or place in crashed:
            verdict.doubled += sum(counts)  # besides the dead letter
            counts = [dead.pop(place, 0)]
        _count(counts, verdict)
    verdict.jobs = len(jobs)
    verdict.doubled_orders = ordered.total() - len(ordered)
    verdict.doubled += found.total() + dead.total()
    _tell(verdict, "outputs of no job", [*found, *dead])
    offered = (*GENERATOR_STYLES, *(style.style_id for style in load.styles))
    missing = [
        key
        for product in load.products
        for style in offered
        if (key := f"{product.product_id}/{style}".encode()) not in have
    ]
    verdict.lost += len(missing)
    _tell(verdict, "variants that were never drawn", missing)


def _judge_images(pictures: Iterable[Picture], verdict: Verdict) -> set[str]:
    """Every picture named is there, with its sha256; their addresses."""
    named = {
        picture.image_uri: picture.sha256 for picture in pictures if picture.image_uri is not None
    }
    wrong = [address for address, digest in named.items() if _digest(address) != digest]
    _tell(verdict, "pictures that are missing or have another sha256", wrong)
    return set(named)


def _digest(address: str) -> str | None:
    path = Path(urlparse(address).path)
    return sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _judge_feedback(settings: Settings, load: Load, images: set[str], verdict: Verdict) -> None:
    """Each event in the state once; each dead letter once; no list of an aborted batch."""
    feedback = read_all(settings, FEEDBACK)
    verdict.events = len(feedback)
    if len(feedback) != load.counts["events"]:
        verdict.problems.append(f"{load.counts['events']} events sent, {len(feedback)} there")
    there = {(record.partition, record.offset) for record in feedback}
    _tell(verdict, "events that were acknowledged and are gone", load.acknowledged - there)
    rules, _ = rules_of(settings.preferences)
    wanted = replay(feedback, {product.product_id for product in load.products}, rules)
    dead = _dead_places(read_dead_letters_of(settings, FEEDBACK))
    _count([dead.pop(place, 0) for place in wanted.dead], verdict)
    verdict.doubled += dead.total()
    _tell(verdict, "dead letters of good events", dead)

    states = read_all(settings, USER_STATES)
    verdict.state_equal = latest(states) == wanted.states
    _tell(verdict, "states that no replay passes", _foreign_states(states, wanted))
    _judge_lists(settings, load, images, states, verdict)


def _foreign_states(states: list[Record], wanted: Replay) -> list[object]:
    return [
        (record.key, record.partition, record.offset)
        for record in states
        if record.value not in wanted.history[record.key or b""]
    ]


def _judge_lists(
    settings: Settings, load: Load, images: set[str], states: list[Record], verdict: Verdict
) -> None:
    """A list comes once, with the state of the same batch, and shows pictures that exist."""
    lists = [record for record in read_all(settings, RECOMMENDATIONS) if record.key != b"*"]
    # Those without an input are of a refresh, which takes up new pictures.
    committed = {(record.key, input_of(record)) for record in states if has_input(record)}
    caused = [record for record in lists if has_input(record)]
    causes = Counter((record.key, input_of(record)) for record in caused)
    verdict.doubled += causes.total() - len(causes)
    _tell(verdict, "lists of batches that were not committed", causes.keys() - committed)
    photos = {product.image_uri for product in load.products}
    unknown = {
        item.image_uri
        for record in lists
        if record.value is not None
        for item in decode(Recommendations, record.value).items
    } - (images | photos)
    _tell(verdict, "pictures in lists that nobody published", unknown)


def _judge_draws(lines: Iterable[str], verdict: Verdict) -> None:
    """A render that is done is not begun again."""
    begun: Counter[str] = Counter()
    done: set[str] = set()
    for line in lines:
        word, _, key = line.partition(" ")
        if word == "done":
            done.add(key)
            continue
        verdict.redrawn += key in done
        begun[key] += 1
    verdict.renders = len(done)
    verdict.interrupted = begun.total() - len(begun)


def _was_set_aside(letter: Record) -> bool:
    return (
        dict(letter.headers)["__connect.errors.exception.class.name"] == Crashed.__name__.encode()
    )


def _dead_places(letters: Iterable[Record]) -> Counter[Place]:
    found: Counter[Place] = Counter()
    for record in letters:
        headers = dict(record.headers)
        partition, offset = (
            int(headers[f"__connect.errors.{name}"]) for name in ("partition", "offset")
        )
        found[partition, offset] += 1
    return found


def _place(cause: tuple[str, ...]) -> Place:
    _, partition, offset = cause
    return int(partition), int(offset)


def _count(counts: Iterable[int], verdict: Verdict) -> None:
    """Each of these ought to be 1."""
    for count in counts:
        verdict.lost += count == 0
        verdict.doubled += max(0, count - 1)


def _tell(verdict: Verdict, what: str, found: Iterable[object]) -> None:
    listed = list(found)
    if listed:
        verdict.problems.append(f"{what}: {len(listed)}, such as {listed[:SHOWN]}")
