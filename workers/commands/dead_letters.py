"""`stylecast dead-letters list / show / replay`: failed records, why they failed, sent again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from schemas.topics import TOPICS
from stylecore.errors import Permanent
from stylecore.storage.store import Store
from workers.commands.events import print_readable, readable
from workers.commands.printing import JsonFlag, print_json, print_line, print_rows
from workers.kafka import replay as replaying
from workers.kafka.replay import DeadLetter, Selection, contract_name, original, read_dead_letters
from workers.settings import load_settings

dead_letters_app = typer.Typer(help="What failed, why, and again.", no_args_is_help=True)

TopicName = Annotated[str, typer.Argument(help="The input topic, or its .dlq.")]
Reason = Annotated[str, typer.Option(help="Part of the error's class or message.")]
Since = Annotated[datetime | None, typer.Option(help="Records of this time (UTC) or later.")]
Until = Annotated[datetime | None, typer.Option(help="Records before this time (UTC).")]
At = Annotated[
    list[str] | None, typer.Option(help="PARTITION/OFFSET of the letter; may be repeated.")
]


@dead_letters_app.command(name="list")
def list_letters(
    topic: Annotated[str | None, typer.Argument(help="One topic; without it all.")] = None,
    reason: Reason = "",
    since: Since = None,
    until: Until = None,
    as_json: JsonFlag = False,
) -> None:
    """List the letters: where, why, how often."""
    settings, wanted = load_settings(), _selection(reason, since, until, None)
    names = [contract_name(topic)] if topic else [t.name for t in TOPICS if t.dead_letters_of]
    letters = [letter for name in names for letter in read_dead_letters(settings, name)]
    rows = [_row(letter) for letter in letters if wanted.has(letter)]
    print_rows("Dead letters", rows, as_json=as_json)


@dead_letters_app.command()
def show(
    topic: TopicName,
    reason: Reason = "",
    since: Since = None,
    until: Until = None,
    at: At = None,
    as_json: JsonFlag = False,
) -> None:
    """Show letters whole: key, value and every header, also of records kept in the store."""
    settings, wanted = load_settings(), _selection(reason, since, until, at)
    store = Store(settings.store.uri)
    letters = [it for it in read_dead_letters(settings, contract_name(topic)) if wanted.has(it)]
    missing = sorted({*wanted.places} - {letter.place for letter in letters})
    if missing:
        raise Permanent(f"no letter of {topic} at {', '.join(missing)}: see `dead-letters list`")
    records = []
    for letter in letters:
        try:
            records.append(original(letter, store))
        except Permanent as problem:  # the store has it no more: the letter itself is shown
            print_line(f"{letter.place}: {problem}")
            records.append(letter.record)
    if as_json:
        print_json([readable(record) for record in records])
        return
    for record in records:
        print_readable(record)


@dead_letters_app.command()
def replay(
    topic: TopicName,
    reason: Reason = "",
    since: Since = None,
    until: Until = None,
    at: At = None,
    again: Annotated[bool, typer.Option(help="Also what was replayed before.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Give records back to their topic; exit 1 where one of them is refused."""
    verdicts = replaying.replay(
        load_settings(),
        contract_name(topic),
        _selection(reason, since, until, at),
        again=again,
        dry_run=dry_run,
    )
    done = "would be replayed" if dry_run else "replayed"
    rows = [
        {**_row(it.letter), "done": f"refused: {it.refused}" if it.refused else done}
        for it in verdicts
    ]
    print_rows("Replay", rows, as_json=as_json)
    if any(it.refused for it in verdicts):
        raise typer.Exit(1)


def _selection(
    reason: str, since: datetime | None, until: datetime | None, at: list[str] | None
) -> Selection:
    for place in at or ():
        if not re.fullmatch(r"\d+/\d+", place):
            raise typer.BadParameter(f"--at wants PARTITION/OFFSET, such as 3/120, not {place!r}")
    since, until = (time and time.replace(tzinfo=UTC) for time in (since, until))
    return Selection(reason=reason, since=since, until=until, places=tuple(at or ()))


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "at": letter.place,
        "time": letter.record.at.isoformat(timespec="seconds"),
        "key": (letter.record.key or b"").decode(errors="backslashreplace"),
        "stage": letter.stage,
        "error": letter.error,
        "message": letter.message,
        "attempts": letter.attempts,
        "replayed": letter.replayed,
    }
