"""All settings, read once at the start: environment `STYLECAST_<PART>__<NAME>`, then `.env`.

A command's flags override single values. What librdkafka understands passes through under
`STYLECAST_KAFKA__`, with `_` for `.`. No module below reads the environment.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from stylecore.bounds import Bounds
from stylecore.errors import SettingsError
from stylecore.models import GENERATOR

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]

SECRET_WORDS = ("password", "secret", "key_pem", "token", "oauth")


class KafkaSettings(BaseModel):
    """The broker; any other librdkafka property passes through, `_` standing for `.`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    bootstrap_servers: str = "127.0.0.1:9092"
    replication_factor: Positive = 1
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)] = ""
    """Stands before every topic, group and transactional id: several fleets on one cluster."""

    def librdkafka(self) -> dict[str, Any]:
        """The properties for a librdkafka client; the fields declared above are ours, left out."""
        given = {name.lower(): value for name, value in (self.model_extra or {}).items()}
        properties = {name.replace("_", "."): value for name, value in given.items()}
        return {"bootstrap.servers": self.bootstrap_servers, **properties}


class StoreSettings(BaseModel):
    """Where pictures, sidecars and model artifacts lie: any fsspec address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: str = "store"
    cache: Path = Path("~/.cache/stylecast")
    """Where factors are kept on this machine when the store is not a local folder."""


class WorkerSettings(BaseModel):
    """What all workers share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instance: str = Field(default_factory=socket.gethostname)
    """Names this instance; stable over restarts, for it names its transactions."""
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, lt=65536)] = 0
    """Of /metrics, /live and /ready; 0 takes a free port and logs it."""
    transaction_timeout_seconds: Seconds = 10
    session_timeout_seconds: Seconds = 10


class LogSettings(BaseModel):
    """Structured lines on standard error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class PhotoSettings(BaseModel):
    """Which photos are fetched, and how large they may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowed_prefixes: tuple[str, ...] = ()
    """Addresses under which photos may lie, besides the store; nothing else is fetched."""
    max_bytes: Positive = 20_000_000
    max_pixels: Positive = 50_000_000
    """Of a photo, and of a frame of a clip."""
    max_frames: Positive = 600
    """Of a clip."""
    patience_seconds: Seconds = 120
    """How long a photo that cannot be had for now is tried again."""


class StylizeSettings(BaseModel):
    """The renderer and its gate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Path | None = None
    """Folder of a generator and its manifest; None takes the one that ships."""
    provider: Literal["auto", "cuda", "cpu"] = "auto"
    threads: Annotated[int, Field(ge=0)] = 0
    """Threads of ONNX Runtime on a CPU; 0 takes one a core."""
    precision: Literal["auto", "fp32", "fp16", "int8"] = "auto"
    """auto takes what the generator's manifest serves on the provider."""
    batch_jobs: Positive = 8
    """Jobs of one transaction."""
    batch_images: Positive = 8
    """Pictures of one call of the network."""
    output_side: Positive = 1024
    """Short side at most, in pixels, of a finished picture; it is never larger than its photo
    unless that is smaller than the generator's working size."""
    minimum_identity: Annotated[float, Field(ge=-2, le=2)] | None = None
    """Of every style's renders; None here and below takes the bounds of the generator's manifest.
    """
    minimum_structure: Annotated[float, Field(ge=-1, le=1)] | None = None
    minimum_style: Fraction | None = None
    maximum_background: Annotated[float, Field(ge=0)] | None = None

    @property
    def generator(self) -> Path:
        """Folder of the generator in use."""
        return self.model or GENERATOR

    @property
    def bounds(self) -> Bounds:
        """Of the gate, in place of the manifest's."""
        return Bounds(
            identity=self.minimum_identity,
            structure=self.minimum_structure,
            style=self.minimum_style,
            background=self.maximum_background,
        )


class PreferencesSettings(BaseModel):
    """The recommender."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_records: Positive = 2000
    items: Annotated[int, Field(ge=1, le=200)] = 20
    half_life_days: Annotated[float, Field(gt=0)] = 30
    cool_down_days: Annotated[float, Field(ge=0)] = 14
    history: Annotated[int, Field(ge=1, le=1000)] = 200
    """Products a shopper's state keeps at most."""
    exploration: Fraction = 0.1
    """Probability mass spread evenly over the styles: the floor is this over their number."""
    valid_hours: Seconds = 24
    demand_seconds: Seconds = 10


class PlannerSettings(BaseModel):
    """The planner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    generator_styles: tuple[str, ...] | None = None
    """Styles of the generator that every product gets; None takes all of them."""
    broker_session_seconds: Seconds = 6


class TrainerSettings(BaseModel):
    """The global factor fit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    refit_seconds: Seconds = 600
    """A refit comes at the latest after this, if anything changed."""
    refit_records: Positive = 100_000
    """A refit comes at once after this many changed states."""
    least_shoppers: Positive = 20
    """Nothing is fitted to fewer."""
    threads: Positive = 1
    factors: Positive = 64
    iterations: Positive = 15
    regularization: Annotated[float, Field(gt=0)] = 0.05
    alpha: Annotated[float, Field(gt=0)] = 1.0
    seed: int = 0


class LagSettings(BaseModel):
    """The lag exporter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: str = "stylecast-.*"
    """Regular expression of the groups that are watched."""
    interval_seconds: Seconds = 5


class Settings(BaseSettings):
    """Every setting of Stylecast, by part."""

    model_config = SettingsConfigDict(
        env_prefix="STYLECAST_",
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    store: StoreSettings = StoreSettings()
    worker: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()
    photos: PhotoSettings = PhotoSettings()
    stylize: StylizeSettings = StylizeSettings()
    preferences: PreferencesSettings = PreferencesSettings()
    planner: PlannerSettings = PlannerSettings()
    trainer: TrainerSettings = TrainerSettings()
    lag: LagSettings = LagSettings()


def load_settings(**overrides: Any) -> Settings:
    """The effective settings. Raises SettingsError with one line that names what is wrong."""
    _require_known_parts(os.environ)
    try:
        return Settings(**overrides)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = "STYLECAST_" + "__".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"setting {name}: {first['msg']}") from problem


def _require_known_parts(environment: Iterable[str]) -> None:
    """Raises SettingsError for a variable of ours whose part is misspelt: it would be ignored."""
    prefix = "STYLECAST_"
    for name in environment:
        part, separator, _ = name.removeprefix(prefix).partition("__")
        if name.startswith(prefix) and separator and part.lower() not in Settings.model_fields:
            parts = ", ".join(Settings.model_fields).upper()
            raise SettingsError(f"setting {name}: there is no part {part}; there are {parts}")


def public_settings(settings: Settings) -> dict[str, Any]:
    """The settings as plain values, with secrets hidden."""
    hidden: dict[str, Any] = _without_secrets(settings.model_dump(mode="json"))
    return hidden


def _without_secrets(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(inner, str(key)) for key, inner in value.items()}
    if any(word in name.lower() for word in SECRET_WORDS):
        return str(SecretStr("hidden"))
    return value
