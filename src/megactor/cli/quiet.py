"""Keeps what the libraries below us say to developers away from users."""

import contextlib
import os
import warnings
from collections.abc import Iterator

_QUIET = {
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "GLOG_minloglevel": "2",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@contextlib.contextmanager
def library_messages(wanted: bool) -> Iterator[None]:
    """Turns off what the libraries say, unless it is wanted. Import them inside."""
    with warnings.catch_warnings():
        if not wanted:
            warnings.simplefilter("ignore")
            # torch on Apple's GPUs, of what it computes elsewhere and slower
            warnings.filterwarnings("default", message=".*fall back to run on the CPU")
            # read when the libraries are imported, which is later
            for name, value in _QUIET.items():
                os.environ.setdefault(name, value)
        yield
