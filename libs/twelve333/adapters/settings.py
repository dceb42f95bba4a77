"""Settings of a service: one TOML file, overridden by environment variables, checked before anything starts.

`TWELVE333_LISTEN__FEDERATION=0.0.0.0:7443` overrides `federation` in the table `[listen]`. Relative paths count from the folder of
the file. Every mistake becomes one sentence that names the setting; a service with a mistake does not start.
"""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ..core.decision import Code, FieldViolation, Kind, Refusal, Refused, refuse
from ..core.delivery.model import BACKLOG_EVENTS_MAX
from ..core.digests import Digest
from .signing.suites import SUITES, Cipher, SuiteName

FILE_MISSING: Final = Code("SETTINGS_FILE_MISSING", Kind.INVALID)
FILE_UNREADABLE: Final = Code("SETTINGS_FILE_UNREADABLE", Kind.INVALID)
INVALID: Final = Code("SETTINGS_INVALID", Kind.INVALID)
MISTAKE: Final = Code("SETTINGS_MISTAKE", Kind.INVALID)

PORT_MAX: Final = 65535


def _check_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > PORT_MAX:
        raise ValueError("must be host:port, for example 127.0.0.1:7443")
    return text


def _check_database(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql+asyncpg://")):
        raise ValueError("must start with sqlite:/// or postgresql+asyncpg://")
    return text


Address = Annotated[str, AfterValidator(_check_address)]
DatabaseUrl = Annotated[str, AfterValidator(_check_database)]


class Section(BaseModel):
    """A table of the file; a name it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(Section):
    """Where the service keeps its state. A URL with a password belongs into the environment, not into the file."""

    url: DatabaseUrl


class Broker(Section):
    """The NATS servers, tried in turn."""

    urls: tuple[Annotated[str, Field(pattern=r"^(tls|nats)://[^/]+:\d+$")], ...] = Field(min_length=1)
    signatures_required: bool = False  # whether nothing unsigned is taken, also from members whose older program does not sign
    plain_payloads: bool = False  # whether events go unsealed to members whose older program has told no key to seal to


class Fields(Section):
    """How personal columns are sealed, unless as the suite says. The keyring is made by `migrate`, counted from `pki`; without it they
    cannot be read again."""

    cipher: Cipher | None = None
    keyring: Path = Path("fields.keys")


class Audit(Section):
    """How often the head of the audit log is told to those who witness it, if it has moved."""

    head_seconds: float = Field(default=60.0, gt=0, le=3600)


class Retention(Section):
    """For how many days what callers told is kept, and how often what is older is deleted.

    A closed case counts from the day it was closed, anything else from the day it came. Confirmed events are what members restored from
    a backup are told again: a backup older than that lacks some.
    """

    closed_case_days: int = Field(default=730, ge=1)
    held_step_days: int = Field(default=365, ge=1)
    context_days: int = Field(default=7, ge=1)
    confirmed_event_days: int = Field(default=30, ge=1)
    parked_event_days: int = Field(default=90, ge=1)
    every_hours: float = Field(default=1.0, gt=0, le=24)

    @property
    def every(self) -> timedelta:
        """Time between two runs."""
        return timedelta(hours=self.every_hours)


class Telemetry(Section):
    """Where traces and metrics go; nowhere unless said."""

    exporter: Literal["none", "console", "otlp"] = "none"
    otlp_endpoint: str = "http://127.0.0.1:4317"
    prometheus: Address | None = None
    sample_share: float = Field(default=1.0, ge=0, le=1)


class Logging(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Limits(Section):
    """What one caller may ask of a listener. Members are counted by province, desks and operators by name, strangers by address."""

    member_per_second: float = Field(default=200.0, gt=0)
    member_burst: int = Field(default=400, ge=1)
    desk_per_second: float = Field(default=200.0, gt=0)
    desk_burst: int = Field(default=400, ge=1)
    stranger_per_minute: float = Field(default=12.0, gt=0)
    stranger_burst: int = Field(default=40, ge=1)
    strangers_per_second: float = Field(default=5.0, gt=0)  # all of them together
    strangers_burst: int = Field(default=100, ge=1)
    in_hand_max: int = Field(default=100, ge=1)
    request_bytes_max: int = Field(default=1 << 20, ge=1024, le=8 << 20)
    bulk_request_bytes_max: int = Field(default=8 << 20, ge=1024, le=8 << 20)
    upload_bytes_max: int = Field(default=256 << 20, ge=1024)
    callers_max: int = Field(default=4_096, ge=16, le=1_000_000)
    hold_ms: int = Field(default=1_000, ge=0, le=10_000)


class Delivery(Section):
    """How much a member keeps for others that do not take it."""

    backlog_events_max: int = Field(default=BACKLOG_EVENTS_MAX, ge=1)


class ServiceSettings(BaseSettings):
    """What hub and node have in common."""

    model_config = SettingsConfigDict(env_prefix="TWELVE333_", env_nested_delimiter="__", extra="ignore", frozen=True)

    base: Path
    locale: Literal["en", "zh"] = "en"
    suite: SuiteName = "international"
    pki: Path = Path("pki")
    database: Database
    broker: Broker
    delivery: Delivery = Delivery()
    fields: Fields = Fields()
    audit: Audit = Audit()
    retention: Retention = Retention()
    telemetry: Telemetry = Telemetry()
    logging: Logging = Logging()
    limits: Limits = Limits()
    certificate_check_seconds: float = Field(default=30.0, gt=0, le=3600)
    drain_seconds: float = Field(default=5.0, ge=0, le=600)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file, which arrives as the initial values."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The URL with a relative SQLite path resolved against the folder of the file."""
        path = self.database.url.removeprefix("sqlite:///")
        return self.database.url if path == self.database.url else f"sqlite:///{self.base / path}"

    @property
    def cipher(self) -> Cipher:
        """What seals personal columns."""
        return self.fields.cipher or SUITES[self.suite].cipher

    @property
    def digest(self) -> Digest:
        """What hashes the audit log."""
        return SUITES[self.suite].digest

    @property
    def fields_keyring(self) -> Path:
        """The keyring of personal columns."""
        return self.pki_directory / self.fields.keyring

    @property
    def pki_directory(self) -> Path:
        """The folder of keys and certificates."""
        return self.base / self.pki


T = TypeVar("T", bound=ServiceSettings)


def load(kind: type[T], path: Path) -> T:
    """Read and check the settings of a service.

    Args:
        kind: the settings class of the service.
        path: the TOML file.

    Raises:
        Refused: the file is missing or unreadable, or values are wrong (one violation for each).
    """
    values = _read(path)
    unknown = sorted(set(values) - set(kind.model_fields))
    mistakes = [_mistake(name, "is not a setting; check the spelling") for name in unknown]
    try:
        settings = kind(base=path.resolve().parent, **{name: values[name] for name in values if name not in unknown})
    except ValidationError as error:
        mistakes += [_mistake(".".join(map(str, item["loc"])), item["msg"].removeprefix("Value error, ")) for item in error.errors()]
    if mistakes:
        raise Refused(Refusal(INVALID, {"path": str(path), "count": str(len(mistakes))}, tuple(mistakes)))
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Refused(refuse(FILE_MISSING, path=path)) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(refuse(FILE_UNREADABLE, path=path, reason=error)) from error


def _mistake(name: str, message: str) -> FieldViolation:
    return FieldViolation(name, MISTAKE, {"name": name, "message": message})


__all__ = [
    "Address",
    "Audit",
    "Broker",
    "Database",
    "Fields",
    "Limits",
    "Logging",
    "Retention",
    "Section",
    "ServiceSettings",
    "Telemetry",
    "load",
]
