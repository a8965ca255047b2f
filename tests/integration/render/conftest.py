"""A renderer for each test; what it makes once is made once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.service.render.rendering import Rendering, RenderSettings
from tests.integration.render.bench import Bench


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for fonts and profiles."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
async def renderer(scratch: Path) -> AsyncIterator[Rendering]:
    """A started renderer without LibreOffice."""
    settings = RenderSettings(scratch=scratch, workers=2, libreoffice=False)
    rendering = Rendering(settings)
    await rendering.start()
    yield rendering
    await rendering.close()


@pytest.fixture
def bench(renderer: Rendering, tmp_path: Path) -> Bench:
    """Makes works of bytes, with the renderer."""
    return Bench(renderer, tmp_path)
