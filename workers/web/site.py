"""What every page needs, in one place, and how a request finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import msgspec
from starlette.requests import Request

from schemas.types import Id
from stylecore.rendering.manifest import GeneratorManifest
from workers.settings import Settings
from workers.telemetry import Health
from workers.web.counts import EventCounters
from workers.web.mixer import Mixer
from workers.web.outbox import Outbox
from workers.web.pictures import Pictures
from workers.web.security import Attempts
from workers.web.tables import ShownList, Tables, Watchers
from workers.web.templates import NotFound, WrongInput


@dataclass(frozen=True)
class Site:
    """The state that pages share, all of it rebuilt from topics at a start."""

    settings: Settings
    health: Health
    manifest: GeneratorManifest
    tables: Tables
    counters: EventCounters
    watchers: Watchers
    outbox: Outbox
    pictures: Pictures
    mixer: Mixer
    attempts: Attempts
    """To guess the token."""
    clock: Callable[[], datetime]

    def list_for(self, user_id: str) -> ShownList | None:
        """Return the list that is valid for the shopper now."""
        return self.tables.lists.of(user_id, self.clock())

    @property
    def generators(self) -> list[str]:
        """The ids of the generator's styles."""
        return [style.style_id for style in self.manifest.styles]

    def kept(self, seconds: int) -> str:
        """Return a Cache-Control of so many seconds; private where a token is set."""
        whose = "public" if self.settings.web.token is None else "private"
        return f"{whose}, max-age={seconds}"


def site_of(request: Request) -> Site:
    """Return the site that answers the request."""
    return cast("Site", request.app.state.site)


def id_of(request: Request, name: str) -> str:
    """Return an id from the address. Raises NotFound for an invalid one."""
    try:
        return msgspec.convert(request.path_params[name], Id)
    except msgspec.ValidationError as problem:
        raise NotFound("missing.id", id=request.path_params[name]) from problem


def require_id(text: str) -> str:
    """Return an id that was typed. Raises WrongInput for an invalid one."""
    try:
        return msgspec.convert(text, Id)
    except msgspec.ValidationError as problem:
        raise WrongInput("wrong.id", id=text) from problem
