"""``asyncio.gather`` with a semaphore: ``gather.py URL WIDTH``."""
# ruff: noqa: ASYNC240  # such scripts read and write their files in the loop

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import aiohttp


async def carry(
    session: aiohttp.ClientSession, gate: asyncio.Semaphore, path: Path
) -> None:
    """One document; what is there already is left alone."""
    made = Path("out", f"{path.stem}.pdf")
    if made.exists():
        return
    async with gate:
        form = aiohttp.FormData()
        form.add_field("File", path.read_bytes(), filename=path.name)
        async with session.post("/convert/txt/to/pdf", data=form) as reply:
            reply.raise_for_status()
            made.write_bytes(await reply.read())


async def main() -> None:
    """Carry every document of ``in``."""
    gate = asyncio.Semaphore(int(sys.argv[2]))
    headers = {
        "Authorization": f"Bearer {os.environ['TEST_KEY']}",  # noqa: TID251  # a program of its own
        "Accept": "application/octet-stream",
    }
    async with aiohttp.ClientSession(sys.argv[1], headers=headers) as session:
        paths = sorted(Path("in").iterdir())
        await asyncio.gather(*(carry(session, gate, each) for each in paths))


if __name__ == "__main__":
    asyncio.run(main())
