"""One toy rig and one compiled renderer for all tests of megactor.synth."""

import os
from pathlib import Path

import pytest
from synth_people import BareScene, plain_subject
from synth_toy_rig import toy_rig

from megactor.synth.anatomy.bust import Bust, build_bust
from megactor.synth.anatomy.rig import ENVIRONMENT, FILE_NAME, Rig
from megactor.synth.anatomy.subject import Subject
from megactor.synth.render.renderer import Renderer


@pytest.fixture(scope="session")
def bust() -> Bust:
    return build_bust(toy_rig())


@pytest.fixture(scope="session")
def renderer(bust) -> Renderer:
    """Its first picture takes the time that compiling takes, about 15 s on a machine without a cache."""
    return Renderer(bust)


@pytest.fixture(scope="session")
def subject(bust) -> Subject:
    """The mean person, bald, in plain colors."""
    return plain_subject(bust)


@pytest.fixture
def scene() -> BareScene:
    """A frontal view in frontal light before a blue wall."""
    return BareScene()


@pytest.fixture(scope="session")
def real_rig() -> Rig:
    """The rig built from ICT-FaceKit: `$MEGACTOR_RIG`, or `shared/rig` beside the repository."""
    beside = Path(__file__).parents[3] / "shared" / "rig" / FILE_NAME
    path = Path(os.environ.get(ENVIRONMENT, beside))
    if not path.is_file():
        pytest.skip(f"no rig file: set {ENVIRONMENT}")
    return Rig.load(path)
