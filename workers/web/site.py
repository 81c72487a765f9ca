"""What every page needs, in one place, and how a request finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import msgspec
from starlette.requests import Request

from schemas.types import Id
from stylecore.errors import Permanent
from stylecore.manifest import GeneratorManifest
from workers.settings import Settings
from workers.telemetry import Health
from workers.web.journal import Journal
from workers.web.mixer import Mixer
from workers.web.outbox import Outbox
from workers.web.pictures import Pictures
from workers.web.tables import Tables
from workers.web.watchers import Watchers


@dataclass(frozen=True)
class Site:
    """The state that pages share, all of it rebuilt from topics at a start."""

    settings: Settings
    health: Health
    manifest: GeneratorManifest
    tables: Tables
    journal: Journal
    watchers: Watchers
    outbox: Outbox
    pictures: Pictures
    mixer: Mixer
    clock: Callable[[], datetime]


class NotFound(Permanent):
    """There is no such thing: 404."""


class WrongInput(Permanent):
    """What was sent is not as it should be; the message says what: 422."""


def site_of(request: Request) -> Site:
    """The site that answers the request."""
    return cast("Site", request.app.state.site)


def id_of(request: Request, name: str) -> str:
    """An id from the address. Raises NotFound where it can be none."""
    try:
        return msgspec.convert(request.path_params[name], Id)
    except msgspec.ValidationError as problem:
        raise NotFound(f"{name}: that is no id") from problem
