"""Declare every option: its section, type, default and meaning."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from daemon.config_secrets import check_database_address, check_proxy
from daemon.config_sources import user_folder
from daemon.config_types import (
    AbsolutePath,
    Extension,
    ExtractorArgument,
    HostName,
    Interval,
    ListAddress,
    Network,
    Origin,
    Rate,
)
from daemon.errors import ConfigError
from daemon.file_names import AUDIO_EXTENSIONS
from daemon.path_map import PathMappings
from daemon.track_choice import REFUSED_WORDS
from engine.settings import HashKind, Settings

ENGINE = Settings()

PluginName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]


def default_state_dir() -> Path:
    """Return where state is kept unless told: systemd's folder, the system's for root, else the user's."""
    given_by_systemd = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given_by_systemd:
        return Path(given_by_systemd)
    if os.geteuid() == 0:
        return Path("/var/lib/spectra")
    users = user_folder("XDG_STATE_HOME", ".local/state")
    if users is None:
        raise ConfigError(("state_dir: this user has no home folder; set SPECTRA_STATE_DIR",))
    return users


class Section(BaseModel):
    """A group of options."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class Server(Section):
    """The REST API."""

    host: Annotated[str, Field(min_length=1)] = Field(
        default="127.0.0.1",
        description="Address to listen on. Peers on other machines need the token (spectra token).",
    )
    port: int = Field(default=8765, ge=0, le=65_535, description="TCP port; 0 takes any free one.")
    cors_origins: tuple[Origin, ...] = Field(
        default=(), description="Origins of web pages that may call the API from a browser."
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=(),
        description="Networks of reverse proxies whose X-Forwarded-For names the client for rate limits.",
    )
    allowed_hosts: tuple[HostName, ...] = Field(
        default=(), description="Further Host names that mean this machine, besides localhost."
    )
    max_upload_mb: int = Field(default=200, ge=1, le=10_000, description="Largest upload in MB (10^6 bytes).")
    max_pending_matches: int = Field(
        default=32, ge=1, le=10_000, description="Clips that may wait for a match; more are refused with 503."
    )
    task_lifetime_s: int = Field(
        default=3_600,
        ge=1,
        le=30 * 86_400,
        description="Seconds for which a finished match can be asked for.",
    )
    tls_certificate: AbsolutePath | None = Field(
        default=None, description="Certificate with its chain (PEM): the address is then https://."
    )
    tls_key: AbsolutePath | None = Field(
        default=None, description="Key of that certificate (PEM, without password)."
    )

    @field_validator("tls_key")
    @classmethod
    def _goes_with_its_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        certificate = info.data.get("tls_certificate", key)
        if key is None and certificate is not None:
            raise ValueError("server.tls_certificate needs its key")
        if key is not None and certificate is None:
            raise ValueError("it needs its server.tls_certificate")
        return key


class Library(Section):
    """The music folders."""

    roots: tuple[AbsolutePath, ...] = Field(default=(), description="Music folders to watch.")
    extensions: tuple[Extension, ...] | None = Field(
        default=None, description="File name extensions that count as audio, instead of the built-in list."
    )
    reconcile_every_s: float = Field(
        default=600.0,
        ge=10,
        le=7 * 86_400,
        description="Seconds between full comparisons of folders and database.",
    )
    reconcile_network_every_s: float = Field(
        default=60.0,
        ge=10,
        le=7 * 86_400,
        description="The same for folders on NFS or SMB, which report no changes.",
    )
    quiet_s: float = Field(
        default=2.5,
        ge=0.1,
        le=3_600,
        description="Seconds without change after which a file counts as complete.",
    )

    @property
    def audio_extensions(self) -> frozenset[str]:
        """Return how the names of audio files end, without the dot."""
        if self.extensions is None:
            return AUDIO_EXTENSIONS
        return frozenset(extension.removeprefix(".") for extension in self.extensions)


class Database(Section):
    """PostgreSQL."""

    url: SecretStr | None = Field(
        default=None,
        description="Server to use, as postgresql://user:password@host/name; none starts an embedded one.",
    )
    run_as: str | None = Field(
        default=None, min_length=1, description="User who runs the embedded server when Spectra runs as root."
    )
    pool_max: int = Field(default=10, ge=2, le=1_000, description="Most connections held open.")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_database_address(url.get_secret_value())
        return url


class Engine(Section):
    """Fingerprints and look-ups."""

    hash: HashKind = Field(default=ENGINE.hash_kind, description="Hash of a landmark: packed or sha1.")
    longest_decoded_s: float = Field(
        default=ENGINE.longest_decoded_s,
        ge=60,
        le=40_000,  # a frame number has 20 bits in the index: 11.6 h
        description="Longer audio, in seconds, is refused.",
    )
    candidate_budget: int = Field(
        default=ENGINE.candidate_budget,
        ge=1_000,
        description="Postings that one look-up may visit, rarest hashes first (8 times as many when dense).",
    )


class Workers(Section):
    """The processes that decode, fingerprint and match."""

    match: int = Field(default=1, ge=1, le=256, description="Processes for clips.")
    ingest: int = Field(
        default=0, ge=0, le=256, description="Processes for the library; 0 takes one per core."
    )
    ingest_nice: int = Field(
        default=10, ge=0, le=19, description="Niceness of those: how far they step back for others."
    )
    memory_mb: int = Field(default=1_024, ge=256, description="Memory (RLIMIT_DATA) of each process in MB.")
    cpu_s_per_job: int = Field(
        default=600, ge=1, description="CPU seconds after which one file or clip is given up."
    )
    jobs_per_worker: int = Field(
        default=200, ge=1, description="Jobs after which a process is replaced by a fresh one."
    )

    @property
    def ingest_processes(self) -> int:
        """Return `ingest` with 0 resolved to the cores this process may use."""
        return self.ingest or len(os.sched_getaffinity(0))


TaggingMode = Literal["apply", "review", "dry-run"]


class TaggingFolder(Section):
    """What is done with what is identified below one folder."""

    path: AbsolutePath
    mode: TaggingMode

    def __str__(self) -> str:
        return f"{os.fsencode(self.path).decode(errors='replace')}: {self.mode}"


class Tagging(Section):
    """Writing tags into files whose music is identified."""

    mode: TaggingMode = Field(
        default="apply",
        description="What is done with what is identified: apply writes it, review proposes, dry-run logs.",
    )
    first_scan: TaggingMode = Field(
        default="review", description="The same for what the first scan of a music folder finds."
    )
    overwrite: bool = Field(
        default=False, description="Replace what a file says already, instead of filling what is empty."
    )
    covers: bool = Field(default=True, description="Embed a front cover where there is none.")
    quiet_s: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="Seconds without change after which a file may be written: downloads may pause.",
    )
    folders: tuple[TaggingFolder, ...] = Field(
        default=(), description="Folders with a mode of their own; the innermost wins."
    )

    def mode_of(self, path: Path, *, arrived_later: bool) -> TaggingMode:
        """Return what is to be done with a file, given whether it came after its folder's first scan."""
        inside = [folder for folder in self.folders if path.is_relative_to(folder.path)]
        if inside:
            return max(inside, key=lambda folder: len(folder.path.parts)).mode
        return self.mode if arrived_later else self.first_scan


class Playlist(Section):
    """A list of YouTube Music whose tracks become references."""

    url: ListAddress
    every: Interval = timedelta(hours=6)

    def __str__(self) -> str:
        return f"{self.url} every {self.every}"


class YouTube(Section):
    """How YouTube Music is asked, once there are playlists."""

    headers_file: AbsolutePath | None = Field(
        default=None, description="Browser headers (`ytmusicapi browser`) that open lists of your own."
    )
    cookies_file: AbsolutePath | None = Field(
        default=None, description="Cookies of a signed-in browser, for what is age-restricted."
    )
    proxy: SecretStr | None = Field(default=None, description="Proxy to ask through.")
    pause_s: float = Field(default=5.0, ge=0, le=3_600, description="Seconds between two downloads.")
    most_tracks: int = Field(default=5_000, ge=1, le=100_000, description="Tracks of one list that are read.")
    most_mb: int = Field(default=100, ge=1, le=10_000, description="Largest download in MB (10^6 bytes).")
    longest_s: float = Field(
        default=3_600.0, ge=60, le=40_000, description="Longer tracks, in seconds, are refused."
    )
    refuse: tuple[str, ...] = Field(
        default=REFUSED_WORDS, description="Words in titles of tracks that are not taken."
    )
    keep: AbsolutePath | None = Field(
        default=None, description="Folder in which the audio is kept; without it, it is deleted."
    )
    extractor_args: tuple[ExtractorArgument, ...] = Field(
        default=(),
        repr=False,  # tokens may be among them
        description="Arguments for yt-dlp's plugins, as those that get PO tokens.",
    )

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, proxy: SecretStr | None) -> SecretStr | None:
        if proxy is not None:
            check_proxy(proxy.get_secret_value())
        return proxy


class RateLimits(Section):
    """How often one client address may ask, as "30/minute" or "5 per 2 hours"."""

    match: Rate = Field(default="30/minute", description="Uploads of clips (POST /match_file).")
    task_status: Rate = Field(
        default="300/minute", description="Questions for results (GET /task_status/...)."
    )
    lookup: Rate = Field(default="600/minute", description="Look-ups of media servers (POST /lookup).")
    page: Rate = Field(
        default="1200/minute", description="The page's files, and the covers and sound that it shows."
    )
    sign_in: Rate = Field(default="10/minute", description="Attempts to sign in on the page (POST /session).")
    default: Rate = Field(default="120/minute", description="Everything else, unknown paths included.")


class Logging(Section):
    """The log on stderr."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda level: level.lower() if isinstance(level, str) else level),
    ] = Field(default="info", description="Least severe messages shown: debug, info, warning or error.")


class Config(BaseSettings):
    """Every option. Made by `load_config`; made directly it holds what it is given, and defaults."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    state_dir: AbsolutePath = Field(
        default_factory=default_state_dir,
        description="Folder for the index, the token, and the embedded database.",
    )
    path_map: PathMappings = Field(
        default=(), description="Where media servers see the music, if elsewhere than Spectra does."
    )
    server: Server = Field(default=Server(), description="The REST API.")
    library: Library = Field(default=Library(), description="The music folders.")
    database: Database = Field(default=Database(), description="PostgreSQL.")
    engine: Engine = Field(default=Engine(), description="Fingerprints and look-ups.")
    workers: Workers = Field(
        default=Workers(), description="The processes that decode, fingerprint and match."
    )
    tagging: Tagging = Field(
        default=Tagging(), description="Writing tags into files whose music is identified."
    )
    playlists: tuple[Playlist, ...] = Field(
        default=(), description="Lists of YouTube Music whose tracks become references."
    )
    youtube: YouTube = Field(
        default=YouTube(), description="How YouTube Music is asked, once there are playlists."
    )
    rate_limits: RateLimits = Field(default=RateLimits(), description="How often one client address may ask.")
    logging: Logging = Field(default=Logging(), description="The log on stderr.")
    plugins: Mapping[PluginName, Mapping[str, object]] = Field(
        default_factory=dict,
        repr=False,  # secrets are among them
        description="Media servers: a section for each, checked by its plugin.",
    )

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def sources(self) -> Mapping[str, str]:
        """Return where each option that was given comes from, by dotted path."""
        return self._sources

    def with_sources(self, sources: Mapping[str, str]) -> Self:
        """Return the same values, with their origin noted."""
        copy = self.model_copy()
        copy._sources = dict(sources)
        return copy

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is given: `load_config` has merged the sources and knows each value's origin."""
        return (init_settings,)
