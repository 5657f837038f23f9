"""Everything that finds out what files are, put together."""

from collections.abc import Collection
from dataclasses import dataclass

from daemon.answering import Answering
from daemon.config_options import Tagging
from daemon.db import Database
from daemon.identify import IdentifyService
from daemon.index_keeper import IndexKeeper
from daemon.jobs import Jobs
from daemon.journal import Journal
from daemon.late import LateIdentification
from daemon.looks import Looks
from daemon.name_writer import NameWriter
from daemon.review import ReviewService
from daemon.review_store import ReviewStore
from daemon.source_reader import SourceReader
from daemon.store import Store
from daemon.tagging import TaggingService
from daemon.workers import WorkerPool
from engine.settings import Settings

IDENTIFY = "identify"
OFFER = "offer"
"""Kinds of jobs, as their queueing locks begin (sql/identify.sql)."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What the rest of the daemon calls."""

    identify: IdentifyService
    review: ReviewService
    store: ReviewStore


def set_up_identification(
    database: Database,
    jobs: Jobs,
    *,
    recordings: Store,
    index: IndexKeeper,
    workers: WorkerPool,
    journal: Journal,
    tagging: TaggingService,
    answering: Answering,
    options: Tagging,
    settings: Settings,
) -> Identification:
    """Return the services, whose jobs are registered."""
    store, looks = ReviewStore(database), Looks()
    reader = SourceReader(store, workers, answering)
    writer = NameWriter(store, reader, tagging, options)

    async def request(file_ids: Collection[int], recording_ids: Collection[int]) -> None:
        if file_ids:
            await jobs.defer_due(IDENTIFY, file_ids)
        if recording_ids:
            await jobs.defer_due(OFFER, recording_ids)

    identify = IdentifyService(
        store,
        recordings,
        index,
        workers,
        reader=reader,
        writer=writer,
        options=options,
        looks=looks,
        settings=settings,
        request=request,
    )
    late = LateIdentification(
        store, recordings, index, workers, looks=looks, settings=settings, request=request
    )
    review = ReviewService(store, journal, tagging, writer, options=options, looks=looks, request=request)
    jobs.register(IDENTIFY, identify.identify, store.files_to_identify)
    jobs.register(OFFER, late.offer, store.references_to_offer)
    return Identification(identify, review, store)
