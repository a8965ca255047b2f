"""Outputs that are kept as bytes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence

from orchestrator.errors import MachineError
from orchestrator.model import Document, Failure, Job, Output, Saved
from orchestrator.testing.effect import Effect, unheard
from orchestrator.transfer.check import check_hash, check_length
from orchestrator.wire.outcome import OutputExists, PartMissing, Unanswered
from orchestrator.wire.ranges import Begun


class MemoryOutputs:
    """Results as bytes; ``files`` are those under final names."""

    def __init__(self, *, effect: Effect = unheard) -> None:
        self.files: dict[str, bytes] = {}
        self.parts: dict[str, bytes] = {}
        self.cut: dict[str, tuple[bytes, str | None]] = {}
        self.full = False
        self._effect = effect

    def tell(self, effect: Effect) -> None:
        """Tell another listener from now on."""
        self._effect = effect

    async def receive(
        self,
        job: Job,
        index: int,
        chunks: AsyncIterator[bytes],
        *,
        size: int | None,
        sha256: str | None,
        target: str,
        document: int = 0,
        alone: bool = False,  # noqa: ARG002  # to name it at once is not asked for
        start: int = 0,
        tag: str | None = None,
    ) -> Saved | Failure:
        """Take the bytes; what is not of the declared size or hash is refused."""
        name = f"{job.id}-{index}"
        body, _ = self.cut.pop(name, (b"", None))
        body = body[:start]
        try:
            async for chunk in chunks:
                body += chunk
        except Unanswered:
            if body and (sha256 or tag):
                self.cut[name] = (body, tag)
            raise
        if self.full:
            raise MachineError(f"{job.documents[document].output}: no space left")
        found = hashlib.sha256(body).hexdigest()
        if failure := check_length(len(body), size) or check_hash(found, sha256):
            return failure
        part = f"{name}.{target}"
        self.parts[part] = body
        self._effect("part")
        return Saved(part, len(body), found)

    async def begun(
        self,
        job: Job,
        index: int,
        *,
        size: int | None,  # noqa: ARG002  # the port's signature
        sha256: str | None,  # noqa: ARG002
        document: int = 0,  # noqa: ARG002
    ) -> Begun | None:
        """What came before a cut."""
        body, tag = self.cut.get(f"{job.id}-{index}", (b"", None))
        return Begun(len(body), tag) if body else None

    def blocked(self, document: Document) -> str | None:
        """The path of a file in the way, if it may not be replaced."""
        path = document.output.replace("{n}", "1")
        return path if path in self.files and not document.overwrite else None

    async def keep(
        self, document: Document, parts: Sequence[Saved]
    ) -> Sequence[Output]:
        """Give parts their final names; a second call for the same is no error."""
        kept = []
        for place, part in enumerate(parts, 1):
            path = document.output.replace("{n}", str(place))
            self._name(part, path, overwrite=document.overwrite)
            kept.append(Output(path, part.size, part.sha256))
        return kept

    def _name(self, part: Saved, path: str, *, overwrite: bool) -> None:
        found = self.files.get(path)
        is_same = found is not None and hashlib.sha256(found).hexdigest() == part.sha256
        if part.part not in self.parts:
            if not is_same:
                raise PartMissing(f"{part.part}: the part is gone")
            return
        if found is not None and not is_same and not overwrite:
            raise OutputExists(f"{path}: there is a file that is not ours")
        self.files[path] = self.parts.pop(part.part)
        self._effect(f"name {path}")

    async def discard(self, job: Job) -> None:
        """Forget the parts of a job."""
        for name in [each for each in self.cut if each.startswith(job.id)]:
            del self.cut[name]
        for part in [each for each in self.parts if each.startswith(job.id)]:
            del self.parts[part]
            self._effect("discard")
