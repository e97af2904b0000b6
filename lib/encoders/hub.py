"""The folders of models from the Hugging Face hub, in the hub's own cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from lib.base.errors import CompanionError, NotAvailable


def hub_folder(repository: str, revision: str | None, wanted: Sequence[str]) -> Path:
    """Return the cache folder of a repository (`org/name`) at a commit or tag, with the files that match `wanted`
    patterns.

    revision: None takes the newest; pin it. Raises CompanionError for a name or revision that the hub does not have,
    and NotAvailable if it cannot be reached and the cache lacks the files.
    """
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(wanted)))
    except LocalEntryNotFoundError:
        where = f"{repository} at {revision or 'its newest revision'}"
        raise NotAvailable(
            f"{where} is not in the hub cache and the hub cannot be reached; connect, or copy the cache to HF_HOME"
        ) from None
    except (HfHubHTTPError, HFValidationError) as error:
        raise CompanionError(f"the hub does not give {repository} at {revision or 'main'}: {error}") from None
