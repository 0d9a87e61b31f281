from __future__ import annotations

import pytest
from golden import Golden, Networks, golden_folder


@pytest.fixture(scope="session")
def golden() -> Golden:
    folder = golden_folder()
    if not (folder / "tiny" / "forward.safetensors").is_file():
        pytest.skip(f"no golden data in {folder}; set MEGACTOR_GOLDEN (tests of the small fixture still run)")
    return Golden.load(folder)


@pytest.fixture(scope="session")
def tiny(golden: Golden) -> Networks:
    return Networks.from_weights(golden.weights())
