"""What Prometheus is told is what happened, in its own format, and asks little of the database."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from synth import music as play
from synth import write_audio
from waiting import Served, changed, served

from daemon import metrics
from daemon.change_rows import Change
from daemon.config import Config
from daemon.errors import WorkerDied
from daemon.metrics import ServiceMetrics
from daemon.metrics_store import MetricsStore
from daemon.services import Services
from daemon.tag_fields import TagFields
from daemon.tagging import Refused, TaggingService

PIECE_S = 20.0
TRACK = (
    "INSERT INTO tracks (video_id, title, artists, kind, page_url, state)"
    " VALUES ('v', 'T', '{A}', 'video', 'u', 'refused')"
)
NAMED = {"title": "So What", "artist": "Miles Davis"}


class Values:
    """The samples of one scrape."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }
        self.names = {name for name, _ in self._samples}
        self.labels = {value for _, labels in self._samples for _, value in labels}

    def of(self, name: str, **labels: str) -> float:
        return self._samples.get((name, tuple(sorted(labels.items()))), 0.0)


async def scraped(daemon: Served) -> Values:
    async with daemon.http.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return Values(text_string_to_metric_families(await response.text()))


@pytest.fixture
def _uncached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_KEPT_S", 0.0)


async def write_tags(daemon: Served, path: Path) -> Any:
    file_id = await daemon.services.journal.file_at(os.fsencode(path.parent), os.fsencode(path.name))
    assert file_id is not None
    fields = TagFields(title="Naima", artist="John Coltrane")
    return await daemon.services.tagging.apply(
        file_id, fields, cause="accepted", recording_id=None, evidence={}
    )


@pytest.mark.usefixtures("_uncached")
async def test_a_match_a_tag_and_its_undo_are_counted(config: Config, music: Path, tmp_path: Path) -> None:
    write_audio(music / "named.flac", play(1, PIECE_S), tags=NAMED)
    unnamed = write_audio(music / "track 01.mp3", play(2, PIECE_S))
    clip = write_audio(tmp_path / "clip.flac", play(1, PIECE_S)[: 8 * 8_000])
    async with served(changed(config, "tagging", quiet_s=0.0)) as daemon:
        empty = await scraped(daemon)
        await daemon.learn(music)
        before = await scraped(daemon)
        await daemon.match(clip)
        await daemon.match(b"no music")
        change = await write_tags(daemon, unnamed)
        assert isinstance(change, Change), change
        tagged = await scraped(daemon)
        await daemon.services.tagging.undo(change.change_id)
        after = await scraped(daemon)

    for name, count in (
        ("spectra_recordings", 2),
        ("spectra_references", 1),
        ("spectra_index_recordings", 2),
    ):
        assert (empty.of(name), before.of(name)) == (0, count), name
    assert (empty.of("spectra_files", state="indexed"), before.of("spectra_files", state="indexed")) == (0, 2)
    assert before.of("spectra_recorded_seconds") == pytest.approx(2 * PIECE_S, abs=0.2)

    def grown(name: str, **labels: str) -> list[float]:
        return [each.of(name, **labels) for each in (before, tagged, after)]

    assert grown("spectra_matches_asked_total") == [0, 2, 2]
    assert grown("spectra_matches_answered_total", outcome="identified") == [0, 1, 1]
    assert grown("spectra_matches_answered_total", outcome="failed") == [0, 1, 1]
    assert grown("spectra_match_duration_seconds_count") == [0, 2, 2]
    assert grown("spectra_tag_writes_total", result="written") == [0, 1, 1]
    assert grown("spectra_tag_undos_total", result="undone") == [0, 0, 1]
    assert grown("spectra_changes", state="done") == [0, 1, 0]
    assert grown("spectra_changes", state="undone") == [0, 0, 1]
    assert after.of("spectra_http_requests_total", method="POST", route="/match_file", status="202") == 2
    assert (after.of("spectra_database_up"), after.of("spectra_workers", purpose="match")) == (1, 1)
    assert after.of("process_resident_memory_bytes") > 0
    assert not {name for name in after.names if name.endswith("_created")}


@pytest.mark.usefixtures("_uncached")
async def test_refused_tags_and_dead_workers_are_counted(
    config: Config, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = write_audio(music / "track 01.mp3", play(2, PIECE_S))

    async def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    async with served(changed(config, "tagging", quiet_s=0.0)) as daemon:
        await daemon.learn(music)
        before = await scraped(daemon)
        with monkeypatch.context() as patched:
            patched.setattr(TaggingService, "_apply", full)
            assert isinstance(await write_tags(daemon, unnamed), Refused)
        assert isinstance(await daemon.services.tagging.undo(999), Refused)
        with pytest.raises(WorkerDied):
            await daemon.services.match_workers.run(os.abort)
        await daemon.services.match_workers.run(os.getpid)
        await daemon.services.index.rebuild()
        await daemon.services.index.caught_up()
        after = await scraped(daemon)
    assert after.of("spectra_tag_writes_total", result="refused") == 1
    assert after.of("spectra_tag_undos_total", result="refused") == 1
    for name, grows in (("spectra_worker_deaths_total", 1), ("spectra_worker_starts_total", 1)):
        assert after.of(name, purpose="match") - before.of(name, purpose="match") == grows, name
        assert after.of(name, purpose="ingest") == before.of(name, purpose="ingest"), name
    assert (before.of("spectra_index_rebuilds_total"), after.of("spectra_index_rebuilds_total")) == (0, 1)


async def test_requests_are_counted_by_pattern_whatever_clients_send(config: Config) -> None:
    limited = changed(config, "rate_limits", lookup="1/minute")
    async with served(limited) as daemon:
        for path in ("/files/7", "/files/8", "/nowhere/9", "/task_status/17", "/%2e%2e/etc"):
            await (await daemon.http.get(path)).read()
        await (await daemon.http.request("PROPFIND", "/status")).read()
        for _ in range(3):
            await (await daemon.http.post("/lookup", data=b"no JSON")).read()
        await (await daemon.http.get("/status", headers={"Via": "1.1 proxy"})).read()
        values = await scraped(daemon)

    def requests(method: str, route: str, status: int) -> float:
        labels = {"method": method, "route": route, "status": str(status)}
        return values.of("spectra_http_requests_total", **labels)

    assert requests("GET", "/files/{file_id}", 404) == 2
    assert requests("GET", "none", 404) == 2
    assert requests("GET", "/task_status/{task_id}", 404) == 1
    assert requests("OTHER", "none", 405) == 1
    assert requests("GET", "/status", 401) == 1
    assert requests("POST", "/lookup", 429) == values.of("spectra_http_rate_limited_total") == 2
    assert not {label for label in values.labels if label.startswith("/") and any(c.isdigit() for c in label)}
    assert "PROPFIND" not in values.labels


async def test_metrics_need_the_token_from_elsewhere(config: Config) -> None:
    elsewhere = {"Via": "1.1 proxy"}
    async with served(config) as daemon:
        async with daemon.http.get("/metrics", headers=elsewhere) as response:
            assert response.status == 401
        async with daemon.http.get("/metrics", headers=elsewhere | daemon.bearer()) as response:
            assert response.status == 200


async def test_the_database_is_asked_every_ten_seconds_at_most(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, asked = [100.0], 0
    real = MetricsStore.figures

    async def counting(store: MetricsStore) -> Any:
        nonlocal asked
        asked += 1
        return await real(store)

    monkeypatch.setattr(MetricsStore, "figures", counting)
    watched = ServiceMetrics(services, version="1", clock=lambda: now_s[0])
    for later_s, times in ((0.0, 1), (9.9, 1), (0.1, 2), (5.0, 2)):
        now_s[0] += later_s
        values = Values(await watched.collect())
        assert (asked, values.of("spectra_database_up")) == (times, 1)
    assert values.of("spectra_uptime_seconds") == pytest.approx(15.0)
    assert values.of("spectra_build_info", version="1") == 1


async def test_without_a_database_the_rest_is_told(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: MetricsStore) -> None:
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(MetricsStore, "figures", gone)
    values = Values(await ServiceMetrics(services, version="1").collect())
    assert values.of("spectra_database_up") == 0
    assert {"spectra_database_up", "spectra_index_recordings", "spectra_workers"} < values.names
    assert not values.names & {"spectra_recordings", "spectra_files"}


async def test_every_figure_of_the_database_is_shown(services: Services) -> None:
    async with services.database.pool.connection() as connection:
        for statement in (
            "INSERT INTO listeners VALUES ('navidrome')",
            "INSERT INTO source_pauses (work, until) VALUES ('lists', now() + interval '1 hour')",
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('x', 'fetch', 'failed')",
            TRACK,
        ):
            await connection.execute(statement.encode())
    values = Values(await ServiceMetrics(services, version="1").collect())
    assert values.of("spectra_jobs", task="fetch", state="failed") == 1
    assert values.of("spectra_playlist_tracks", state="refused") == 1
    assert 3_500 < values.of("spectra_playlist_pause_seconds") <= 3_600
    assert "navidrome" in values.labels
    assert values.of("spectra_schema_version") >= 9
    assert {"fingerprint", "identify", "offer", "tag", "postponed", "review", "lookup"} < values.labels
