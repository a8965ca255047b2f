"""Settings of one instance of the service, as a value; performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.service.faults.script import NOTHING, Script
from orchestrator.service.s3.bucket import Bucket

WAITS = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How one instance behaves; sizes in bytes, times in seconds.

    Attributes:
        data: Folder that holds jobs, files and secrets; one service at a time.
        keys: Keys that open the API; each is as good as another.
        webhook_secret: What webhooks are signed with (``whsec_`` and base64).
        host: Address to listen on; loopback unless the user says otherwise.
        port: Port to listen on; 0 takes a free one.
        allow_private_urls: Whether webhooks and fetched files may be at private
            addresses.
        max_body: Largest file that is taken.
        max_queue: Jobs that may wait; one more is refused before anything starts.
        keep_results: How long results can be fetched after a job has ended.
        keep_files: How long a stored file can be fetched, where a dialect stores them.
        link_life: How long a signed upload link works.
        hold: How long a poll may be held, where a dialect holds them.
        strict_uploads: Whether storing a file needs a key, where a dialect asks none.
        deduplicate: Whether a repeated submit is free; off only in tests.
        designs: Folder with the user's designs.
        workers: Documents rendered at the same time; 0 means one a core.
        grace: How long running jobs may go on after a request to stop.
        webhook_waits: Waits between deliveries of one webhook; then it is given up.
        webhook_timeout: How long a receiver of a webhook may take.
        storage: Store for the files of pre-signed jobs; our own disk if there is none.
        faults: What goes wrong on purpose (docs/faults.md).
        rate_limits: Whether dialects count requests as the APIs they speak do.
        stand_in_designs: Whether a design that is not here is rendered by one that
            prints what it was given.
        reportflow_webhook: Where requests of that dialect are told of.
        reportflow_wait: How long that dialect holds a request for a file.
        compdf_webhook: Where the ComPDF dialect tells of all its tasks and files.
        ready_to: What is likely to be asked for first: ``convert`` or ``generate``.
    """

    data: Path
    keys: tuple[str, ...] = field(repr=False)
    webhook_secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8080
    allow_private_urls: bool = False
    max_body: int = 2 * 1024**3
    max_queue: int = 10_000
    keep_results: float = 86_400.0
    keep_files: float = 10_800.0
    link_life: float = 900.0
    hold: float = 5.0
    strict_uploads: bool = False
    deduplicate: bool = True
    designs: Path | None = None
    workers: int = 0
    grace: float = 10.0
    webhook_waits: tuple[float, ...] = WAITS
    webhook_timeout: float = 10.0
    storage: Bucket | None = None
    faults: Script = NOTHING
    rate_limits: bool = False
    stand_in_designs: bool = False
    reportflow_webhook: str | None = None
    reportflow_wait: float = 120.0
    compdf_webhook: str | None = None
    ready_to: str | None = None
