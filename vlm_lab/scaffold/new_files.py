"""Files that `vlm-lab init` writes where none is: nothing of the user's is overwritten."""

import os
from pathlib import Path

from vlm_lab.errors import UserError

PRIVATE_MODE, PUBLIC_MODE = 0o600, 0o666


def write_new_file(path: Path, text: str, is_private: bool = False) -> None:
    """Writes a file that is not there yet; one with values of documents is its user's alone."""
    mode = PRIVATE_MODE if is_private else PUBLIC_MODE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); name another folder"
        ) from None
