"""All settings, read once at the start: environment `STYLECAST_<PART>__<NAME>`, then `.env`.

A command's flags override single values. What librdkafka understands passes through under
`STYLECAST_KAFKA__`, with `_` for `.`. No module below reads the environment.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from stylecore.errors import SettingsError
from stylecore.models import GENERATOR
from stylecore.rendering.manifest import Bounds

PART = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
OPEN_PART = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, le=1e9)]
MOST_DAYS = 36_525
"""A century: times that lie further away than the calendar reaches cannot be computed with."""
Fraction = Annotated[float, Field(ge=0, le=1)]

SECRET_WORDS = ("password", "secret", "key_pem", "token", "oauth")
USER_OF_ADDRESS = re.compile(r"(?<=://)[^/@\s]+@")
"""`key:secret@` of an address."""


class _Discreet(BaseModel):
    """Settings that hold secrets: a log line or a traceback may show them, without."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, _without_secrets(value, name or "")


class KafkaSettings(_Discreet):
    """The broker; any other librdkafka property passes through, `_` standing for `.`."""

    model_config = OPEN_PART

    bootstrap_servers: str = "127.0.0.1:9092"
    """The brokers, HOST:PORT, separated by commas."""
    replication_factor: Positive = 1
    """Of topics that `stylecast topics apply` creates."""
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)] = ""
    """Stands before every topic, group and transactional id: several fleets on one cluster."""

    def librdkafka(self) -> dict[str, Any]:
        """The properties for a librdkafka client; the fields declared above are ours, left out."""
        given = {name.lower(): value for name, value in (self.model_extra or {}).items()}
        properties = {name.replace("_", "."): value for name, value in given.items()}
        return {"bootstrap.servers": self.bootstrap_servers, **properties}


class StoreSettings(_Discreet):
    """Where pictures, sidecars and model artifacts lie: any fsspec address."""

    model_config = PART

    uri: str = "store"
    """A folder, or an address such as s3://bucket/folder; all instances share it."""
    cache: Path = Path("~/.cache/stylecast")
    """Where factors are kept on this machine when the store is not a local folder."""


class WorkerSettings(BaseModel):
    """What all workers share."""

    model_config = PART

    instance: str = Field(default_factory=socket.gethostname)
    """Names this instance; stable over restarts, for it names its transactions."""
    http_host: str = "127.0.0.1"
    """Where the probes listen."""
    http_port: Annotated[int, Field(ge=0, lt=65536)] = 0
    """Of /metrics, /live and /ready; 0 takes a free port and logs it."""
    transaction_timeout_seconds: Seconds = 10
    """After this the broker aborts the transaction of a worker that hangs."""
    session_timeout_seconds: Seconds = 10
    """After this the group goes on without a worker that is not heard of."""


class LogSettings(BaseModel):
    """Structured lines on standard error."""

    model_config = PART

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is told."""
    format: Literal["json", "console"] = "json"
    """json for machines, one object a line; console for people."""


class TraceSettings(BaseModel):
    """Traces by OpenTelemetry, of the records that their writers sampled."""

    model_config = PART

    endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """Where spans are sent by OTLP over HTTP, such as http://collector:4318/v1/traces."""


class PhotoSettings(BaseModel):
    """Which photos are fetched, and how large they may be."""

    model_config = PART

    allowed_prefixes: tuple[str, ...] = ()
    """Folders, http and https addresses, and buckets (s3, gs, az) under which photos may lie,
    besides the store; nothing else is fetched."""
    allowed_networks: tuple[IPvAnyNetwork, ...] = ()
    """Networks such as 10.1.0.0/16 that http and https may reach besides the open internet."""
    fetch_seconds: Seconds = 30
    """How long one photo may take to come, redirects included."""
    max_bytes: Positive = 20_000_000
    """Of a photo as it is fetched."""
    max_pixels: Positive = 50_000_000
    """Of a photo, and of a frame of a clip."""
    max_frames: Positive = 600
    """Of a clip."""
    decode_seconds: Seconds = 5
    """Processor time that decoding one photo may take."""
    patience_seconds: Annotated[float, Field(gt=0, le=200)] = 120
    """How long photos that cannot be had for now are tried again, all those of a batch together."""


class StylizeSettings(BaseModel):
    """The renderer and its gate."""

    model_config = PART

    model: Path | None = None
    """Folder of a generator and its manifest; None takes the one that ships."""
    provider: Literal["auto", "cuda", "cpu"] = "auto"
    """auto takes CUDA where it works; cuda insists on it."""
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
    """Least SSIM of luminance with the photo."""
    minimum_style: Fraction | None = None
    """Least probability of the style by the feature network."""
    maximum_background: Annotated[float, Field(ge=0)] | None = None
    """Greatest distance of plain ground from white or paper, in Delta E."""
    minimum_visibility: Annotated[float, Field(ge=0)] | None = None
    """Least distance of the product's outline from its ground, in Delta E."""

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
            visibility=self.minimum_visibility,
        )


class PreferencesSettings(BaseModel):
    """The recommender."""

    model_config = PART

    batch_records: Positive = 10_000
    """Of one transaction, at most."""
    items: Annotated[int, Field(ge=1, le=200)] = 20
    """Of a list of recommendations."""
    half_life_days: Annotated[float, Field(gt=0, le=MOST_DAYS)] = 30
    """After this a click counts half."""
    cool_down_days: Annotated[float, Field(ge=0, le=MOST_DAYS)] = 14
    """So long a dismissed product is not shown."""
    history: Annotated[int, Field(ge=1, le=1000)] = 200
    """Products a shopper's state keeps at most."""
    exploration: Fraction = 0.1
    """Probability mass spread evenly over the styles: the floor is this over their number."""
    campaign_weight: Annotated[float, Field(ge=1, le=1e6)] = 4.0
    """What a campaign of priority 0 multiplies its style's odds by within its window; priority 100
    does so by the square."""
    usual_rate: Fraction = 0.05
    """The share of impressions that shoppers usually act on; each shopper's own rate takes over."""
    valid_hours: Annotated[float, Field(gt=0, le=24 * MOST_DAYS)] = 24
    """Of a list of recommendations; then the storefront falls back on `*`."""
    demand_seconds: Seconds = 10
    """Between two tellings of what shoppers want."""
    pictures_seconds: Seconds = 5
    """Between two sweeps of the lists whose products have other pictures than before, at least."""


class PlannerSettings(BaseModel):
    """The planner."""

    model_config = PART

    generator_styles: tuple[str, ...] | None = None
    """Styles of the generator that every product gets; None takes all of them."""
    campaign_lead_hours: Annotated[float, Field(ge=0, le=8760)] = 24
    """So long before a campaign starts its style is rendered; with its end the pictures go."""
    renders_per_minute: Annotated[float, Field(gt=0)] | None = None
    """The most pictures that are ordered in a minute, those first that are expected to bring the
    most clicks; None orders everything at once."""
    broker_session_seconds: Seconds = 6
    """After this the group goes on without a planner that is not heard of."""


class TrainerSettings(BaseModel):
    """The global factor fit."""

    model_config = PART

    refit_seconds: Seconds = 600
    """A refit comes at the latest after this, if anything changed."""
    refit_records: Positive = 100_000
    """A refit comes at once after this many changed states."""
    least_shoppers: Positive = 20
    """Nothing is fitted to fewer shoppers with a history."""
    least_products: Positive | None = None
    """Nor to fewer products that these did something with; None takes least_shoppers."""
    threads: Positive = 1
    """Of a fit."""
    factors: Positive = 64
    """Length of a factor vector."""
    iterations: Positive = 15
    """Of alternating least squares, at most."""
    regularization: Annotated[float, Field(gt=0)] = 0.05
    """Of alternating least squares, as in implicit."""
    alpha: Annotated[float, Field(gt=0)] = 1.0
    """Confidence a unit of weight, as in implicit."""
    seed: int = 0
    """Of the first factors."""


class LagSettings(BaseModel):
    """The lag exporter."""

    model_config = PART

    groups: str = "stylecast-.*"
    """Regular expression of the groups that are watched."""
    interval_seconds: Seconds = 5
    """Between two looks."""
    looks: Annotated[int, Field(ge=2, le=1000)] = 6
    """Of the window from which a group's status and rates are told."""
    time_lag: Literal["exact", "interpolated"] = "exact"
    """exact reads the oldest unprocessed record of each partition that has lag."""
    cluster: str = "default"
    """The label cluster_name of kafka-lag-exporter's metrics."""


class WebSettings(_Discreet):
    """The pages for shoppers and merchandisers."""

    model_config = PART

    host: str = "127.0.0.1"
    """Anything but the loopback needs a token."""
    port: Annotated[int, Field(ge=0, lt=65536)] = 8080
    """0 takes a free one and logs it."""
    token: Annotated[SecretStr, Field(min_length=1)] | None = None
    """Whoever shows it may see and do everything here."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names under which the pages are asked for, besides the loopback's own."""
    previews_per_minute: Positive = 60
    """Pictures of the style mixer that this instance draws."""


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
    traces: TraceSettings = TraceSettings()
    photos: PhotoSettings = PhotoSettings()
    stylize: StylizeSettings = StylizeSettings()
    preferences: PreferencesSettings = PreferencesSettings()
    planner: PlannerSettings = PlannerSettings()
    trainer: TrainerSettings = TrainerSettings()
    lag: LagSettings = LagSettings()
    web: WebSettings = WebSettings()


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
    return USER_OF_ADDRESS.sub("**********@", value) if isinstance(value, str) else value
