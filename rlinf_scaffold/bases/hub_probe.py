"""Ask the Hub for what is small of a repository. Runs as source elsewhere: plain stdlib."""

from __future__ import annotations

import json
import sys

# What says what a model is, and none of its weights.
SMALL = ("*.json", "*.py")
SECONDS = 20.0
# Exceptions of huggingface_hub, the special ones first, and what each of them means.
FAILURES = (
    ("GatedRepoError", "gated"),
    ("RepositoryNotFoundError", "absent"),
    ("HFValidationError", "absent"),
)


def fetch(repo: str) -> dict[str, object]:
    """Download what is small into the Hub's cache; return its folder and all files.

    Where that fails, ``failed`` says why in a word, and ``said`` in the words of others.
    """
    try:
        import huggingface_hub as hub
    except ImportError:
        return {"failed": "no package", "said": ""}
    try:
        info = hub.HfApi().model_info(repo, timeout=SECONDS)
        files = [sibling.rfilename for sibling in info.siblings or ()]
        folder = hub.snapshot_download(repo, allow_patterns=list(SMALL), max_workers=2)
    except (OSError, ValueError, RuntimeError) as error:
        return {"failed": failure(error), "said": str(origin(error))}
    return {"folder": folder, "files": files}


def failure(error: BaseException | None) -> str:
    """Return what an error means, looking behind those that hide another."""
    while error is not None:
        names = [kind.__name__ for kind in type(error).__mro__]
        for name, meaning in FAILURES:
            if name in names:
                return meaning
        error = error.__cause__
    return "unreachable"


def origin(error: BaseException) -> BaseException:
    """Return the first of a chain of errors."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error


if __name__ == "__main__":
    print(json.dumps(fetch(sys.argv[1])))
