"""What the hub's client raises, in one line for the reader."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from megactor.errors import ModelError
from megactor.media.atomic import os_errors_as_output_errors


@contextlib.contextmanager
def words_for_hub_errors(repository: str, endpoint: str | None = None) -> Iterator[None]:
    """Turns the client's errors into ours.

    Args:
        repository: "owner/name" that is asked for.
        endpoint: another server than the hub, such as a mirror.

    Raises:
        ModelError: the hub lacks it, refuses, or cannot be reached.
        OutputError: no room or no right to write to the cache.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    hub = endpoint or constants.ENDPOINT
    try:
        yield
    except RevisionNotFoundError as error:
        raise ModelError(f"{repository} on {hub} has no such revision: leave the revision out") from error
    except GatedRepoError as error:
        raise ModelError(
            f"{repository} on {hub} asks for an account: accept its terms there, then run `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{hub} has no {repository}: it was moved or made private, or the name is misspelled"
        ) from error
    except OfflineModeIsEnabled as error:
        raise ModelError("HF_HUB_OFFLINE forbids downloads: unset it to fetch") from error
    except LocalTokenNotFoundError as error:
        raise ModelError("the hub wants to know who you are: run `hf auth login`, or give a token") from error
    except HFValidationError as error:
        raise ModelError(f"no name of a model on a hub: {_first_line(error)}") from error
    except LocalEntryNotFoundError as error:
        raise _not_here(repository, hub, error) from error
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            raise ModelError(
                f"{hub} does not allow that for {repository}: run `hf auth login` with an account that may"
            ) from error
        raise ModelError(f"{hub} answered with an error ({_first_line(error)}): try again later") from error
    except OSError as error:
        with os_errors_as_output_errors(Path(constants.HF_HUB_CACHE)):
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS):
                raise
        raise _no_connection(hub, error) from error
    except Exception as error:
        # the client's HTTP library is its own affair: its errors share no base class of ours
        if type(error).__module__.partition(".")[0].startswith("httpx"):
            raise _no_connection(hub, error) from error
        raise


def _not_here(repository: str, hub: str, error: Exception) -> ModelError:
    cause = error.__cause__
    if cause is None:  # only this machine was asked
        return ModelError(f"{repository} is not on this machine: get it with `megactor weights fetch {repository}`")
    return _no_connection(hub, cause)


def _no_connection(hub: str, error: BaseException) -> ModelError:
    return ModelError(
        f"no connection to {hub} ({_first_line(error)}): check the network or proxy and run it again, it goes on where "
        "it stopped; or copy the model from another machine and give --model its folder"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
