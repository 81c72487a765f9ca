"""All settings, read once at the start: environment `STYLECAST_<PART>__<NAME>`, then `.env`.

Options of a command override single values. Any librdkafka property is passed through under
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
from stylecore.imaging.photo import PictureFormat
from stylecore.models import GENERATOR, MATTE
from stylecore.rendering.manifest import Bounds

PREFIX = "STYLECAST_"
PART = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
OPEN_PART = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, le=1e9)]
MOST_DAYS = 36_525
"""A century: date arithmetic with more overflows the calendar."""
Fraction = Annotated[float, Field(ge=0, le=1)]

SECRET_WORDS = ("password", "secret", "key_pem", "token", "oauth")
USER_OF_ADDRESS = re.compile(r"(?<=://)[^/@\s]+@")
"""Matches `key:secret@` of an address."""


class _Redacted(BaseModel):
    """Settings whose repr, in a log line or a traceback, hides secrets."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, _without_secrets(value, name or "")


class KafkaSettings(_Redacted):
    """The brokers. Any librdkafka property is passed through, with `_` for `.`."""

    model_config = OPEN_PART

    bootstrap_servers: str = "127.0.0.1:9092"
    """The brokers, HOST:PORT, separated by commas."""
    replication_factor: Positive = 1
    """Replication factor of topics that `stylecast topics apply` creates."""
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)] = ""
    """Prefix of every topic, group and transactional id, for several fleets on one cluster."""

    def librdkafka(self) -> dict[str, Any]:
        """Return the properties for a librdkafka client, without the fields declared above."""
        given = {name.lower(): value for name, value in (self.model_extra or {}).items()}
        properties = {name.replace("_", "."): value for name, value in given.items()}
        return {"bootstrap.servers": self.bootstrap_servers, **properties}


class StoreSettings(_Redacted):
    """The store of pictures, sidecars and model artifacts."""

    model_config = PART

    uri: str = "store"
    """A folder, or an fsspec address such as s3://bucket/folder; shared by all instances."""
    cache: Path = Path("~/.cache/stylecast")
    """Local cache of factors where the store is not a local folder."""


class WorkerSettings(BaseModel):
    """What all workers share."""

    model_config = PART

    instance: str = Field(default_factory=socket.gethostname)
    """Name of this instance; part of its transactional id, so the same after a restart."""
    http_host: str = "127.0.0.1"
    """Address on which the probes listen."""
    http_port: Annotated[int, Field(ge=0, lt=65536)] = 0
    """Port of /metrics, /live and /ready; 0 takes a free port and logs it."""
    transaction_timeout_seconds: Seconds = 10
    """Time-out after which the broker aborts the transaction of a worker that hangs."""
    session_timeout_seconds: Seconds = 10
    """Time-out of a group member without heartbeats; its partitions are then reassigned."""


class LogSettings(BaseModel):
    """The log, structured lines on standard error."""

    model_config = PART

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is logged."""
    format: Literal["json", "console"] = "json"
    """json for machines, one object a line; console for people."""


class TraceSettings(BaseModel):
    """OpenTelemetry traces of the records that their writers sampled."""

    model_config = PART

    endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """Address to which spans are sent by OTLP over HTTP, as http://collector:4318/v1/traces."""


class PhotoSettings(BaseModel):
    """Which photos are fetched, and their limits."""

    model_config = PART

    allowed_prefixes: tuple[str, ...] = ()
    """Folders, http and https addresses, and buckets (s3, gs, az) from which photos are fetched,
    besides the store; nothing else is fetched."""
    allowed_networks: tuple[IPvAnyNetwork, ...] = ()
    """Private networks, such as 10.1.0.0/16, that http and https may reach."""
    fetch_seconds: Seconds = 30
    """Time-out of fetching one photo, redirects included."""
    max_bytes: Positive = 20_000_000
    """Maximum size of a fetched photo."""
    max_pixels: Positive = 50_000_000
    """Maximum pixels of a photo and of a frame of a clip."""
    max_frames: Positive = 600
    """Maximum frames of a clip."""
    decode_seconds: Seconds = 5
    """Maximum CPU time of decoding one photo."""
    patience_seconds: Annotated[float, Field(gt=0, le=200)] = 120
    """How long fetches that fail for now are retried, for all photos of a batch together."""


class StylizeSettings(BaseModel):
    """The renderer and its gate."""

    model_config = PART

    model: Path | None = None
    """Folder of a generator and its manifest; the one that ships unless set."""
    matte: Path | None = None
    """Folder of a matte network and its manifest, or an ONNX file of your own: a photo
    [1, 3, H, W] of 0 to 1 in, its alpha [1, 1, H, W] out; the one that ships unless set."""
    provider: Literal["auto", "cuda", "cpu"] = "auto"
    """auto takes CUDA where it works; cuda requires it."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Threads of ONNX Runtime on a CPU; 0 takes one for each core."""
    precision: Literal["auto", "fp32", "fp16", "int8"] = "auto"
    """auto takes what the generator's manifest recommends for the provider."""
    batch_jobs: Positive = 8
    """Maximum jobs of one transaction."""
    batch_images: Positive = 8
    """Maximum pictures of one call of the network."""
    output_side: Positive = 1024
    """Maximum short side of a finished picture in pixels; it is never larger than its photo unless
    that is smaller than the generator's working size."""
    format: PictureFormat = "webp"
    """Of the worker's pictures. jpeg takes a tenth of the time to write and nearly twice the bytes
    of webp, avif seven times the time and a tenth fewer; a transparent picture is never a jpeg."""
    minimum_identity: Annotated[float, Field(ge=-2, le=2)] | None = None
    """Minimum identity score of a render; this and the next six are taken from the generator's
    manifest unless set."""
    minimum_structure: Annotated[float, Field(ge=-1, le=1)] | None = None
    """Minimum SSIM of luminance with the photo."""
    minimum_style: Fraction | None = None
    """Minimum probability of the style by the feature network."""
    maximum_background: Annotated[float, Field(ge=0)] | None = None
    """Maximum distance of a plain background from white or paper, in Delta E."""
    minimum_visibility: Annotated[float, Field(ge=0)] | None = None
    """Minimum distance of the product's outline from its background, in Delta E."""
    maximum_halo: Annotated[float, Field(ge=0)] | None = None
    """Maximum distance of the ground just outside a product that was cut out from the ground that
    was meant, in Delta E."""
    maximum_colour: Annotated[float, Field(ge=0)] | None = None
    """Maximum difference in hue and chroma of a product that keeps its colours, in Delta E."""

    @property
    def generator(self) -> Path:
        """Folder of the generator in use."""
        return self.model or GENERATOR

    @property
    def matte_network(self) -> Path:
        """Folder or file of the matte network in use."""
        return self.matte or MATTE

    @property
    def bounds(self) -> Bounds:
        """Bounds of the gate that replace the manifest's."""
        return Bounds(
            identity=self.minimum_identity,
            structure=self.minimum_structure,
            style=self.minimum_style,
            background=self.maximum_background,
            visibility=self.minimum_visibility,
            halo=self.maximum_halo,
            colour=self.maximum_colour,
        )


class PreferencesSettings(BaseModel):
    """The recommender."""

    model_config = PART

    batch_records: Positive = 10_000
    """Maximum records of one transaction."""
    items: Annotated[int, Field(ge=1, le=200)] = 20
    """Products in a list of recommendations."""
    half_life_days: Annotated[float, Field(gt=0, le=MOST_DAYS)] = 30
    """Age at which a click counts half."""
    cool_down_days: Annotated[float, Field(ge=0, le=MOST_DAYS)] = 14
    """How long a dismissed or purchased product is not recommended."""
    history: Annotated[int, Field(ge=1, le=1000)] = 200
    """Maximum products in a shopper's state."""
    exploration: Fraction = 0.1
    """Probability mass spread evenly over the styles: each gets at least this over their number."""
    campaign_weight: Annotated[float, Field(ge=1, le=1e6)] = 4.0
    """Factor of a style's odds within a campaign of priority 0; the square of it at priority
    100."""
    shelf_changes: Annotated[int, Field(ge=0, le=200)] = 6
    """Places of a shopper's list that an action changes at most; the rest follows after the
    visit."""
    visit_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 30
    """Time without an action after which a visit is over."""
    usual_rate: Fraction = 0.05
    """Prior share of impressions that shoppers act on; each shopper's own rate replaces it."""
    valid_hours: Annotated[float, Field(gt=0, le=24 * MOST_DAYS)] = 24
    """Validity of a list; after it the storefront falls back on the list for everyone, `*`."""
    demand_seconds: Seconds = 10
    """Interval at which demand is published."""
    pictures_seconds: Seconds = 5
    """Minimum interval between two refreshes of lists whose products have new pictures."""


class PlannerSettings(BaseModel):
    """The planner."""

    model_config = PART

    generator_styles: tuple[str, ...] | None = None
    """Styles of the generator in which every product is rendered; all unless set."""
    campaign_lead_hours: Annotated[float, Field(ge=0, le=8760)] = 24
    """How long before a campaign its style is rendered; the pictures are withdrawn at its end."""
    renders_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Maximum pictures that are ordered in a minute, those first with the most expected clicks;
    no limit unless set."""
    broker_session_seconds: Seconds = 6
    """Time-out of a planner without heartbeats; another instance then takes over."""


class TrainerSettings(BaseModel):
    """The global fit of factors."""

    model_config = PART

    refit_seconds: Seconds = 600
    """Maximum interval between refits while states change."""
    refit_records: Positive = 100_000
    """Number of changed states that causes a refit at once."""
    search_seconds: Annotated[float, Field(ge=0)] = 30
    """Budget of a search for better factors, regularization, alpha and weights of recent actions,
    before each refit; 0 keeps those of the settings."""
    least_shoppers: Positive = 20
    """Minimum number of shoppers with a history for a fit."""
    least_products: Positive | None = None
    """Minimum number of products in these histories; least_shoppers unless set."""
    threads: Positive = 1
    """Threads of a fit."""
    factors: Positive = 64
    """Length of a factor vector."""
    iterations: Positive = 15
    """Maximum iterations of alternating least squares."""
    regularization: Annotated[float, Field(gt=0)] = 0.05
    """Regularization of alternating least squares, as in implicit."""
    alpha: Annotated[float, Field(gt=0)] = 1.0
    """Confidence per unit of weight, as in implicit."""
    seed: int = 0
    """Random seed of the initial factors."""


class LagSettings(BaseModel):
    """The lag exporter."""

    model_config = PART

    groups: str = "stylecast-.*"
    """Regular expression of the groups that are exported."""
    interval_seconds: Seconds = 5
    """Interval at which offsets are read."""
    looks: Annotated[int, Field(ge=2, le=1000)] = 6
    """Number of readings from which a group's status and rates are computed."""
    time_lag: Literal["exact", "interpolated"] = "exact"
    """exact reads the oldest unprocessed record of each partition with lag."""
    cluster: str = "default"
    """The label cluster_name of kafka-lag-exporter's metrics."""


class WebSettings(_Redacted):
    """The pages for shoppers and merchandisers."""

    model_config = PART

    host: str = "127.0.0.1"
    """Address to listen on; any but the loopback requires a token."""
    port: Annotated[int, Field(ge=0, lt=65536)] = 8080
    """Port; 0 takes a free one and logs it."""
    token: Annotated[SecretStr, Field(min_length=1)] | None = None
    """Token that grants access to all pages."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names under which the pages are served, besides the loopback's."""
    previews_per_minute: Positive = 60
    """Maximum pictures of the style mixer that this instance draws in a minute."""


class Settings(BaseSettings):
    """All settings, by part."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
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
    """Return the effective settings. Raises SettingsError with one line that names the problem."""
    for name in os.environ:  # pydantic would ignore an unknown part
        part, separator, _ = name.removeprefix(PREFIX).partition("__")
        if name.startswith(PREFIX) and separator and part.lower() not in Settings.model_fields:
            parts = ", ".join(Settings.model_fields).upper()
            raise SettingsError(f"setting {name}: there is no part {part}; there are {parts}")
    try:
        return Settings(**overrides)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"setting {name}: {first['msg']}") from problem


def public_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values, with secrets hidden."""
    hidden: dict[str, Any] = _without_secrets(settings.model_dump(mode="json"))
    return hidden


def _without_secrets(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(inner, str(key)) for key, inner in value.items()}
    if any(word in name.lower() for word in SECRET_WORDS):
        return str(SecretStr("hidden"))
    return USER_OF_ADDRESS.sub("**********@", value) if isinstance(value, str) else value
