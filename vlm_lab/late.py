"""Names -> objects, imported only when used: one rule for every table of names, and for a user's own `module:Name`."""

import importlib
from collections.abc import Mapping
from typing import Any

from vlm_lab.errors import UserError


def find(name: str, table: Mapping[str, str], what: str) -> Any:
    """The object that `table` has under `name` as "module:attribute", or the one that `name` itself spells so."""
    place = table.get(name, name)
    module, colon, attribute = place.partition(":")
    if not colon:
        raise UserError(f"no {what} {name!r}; known: {', '.join(sorted(table))}, or your own as package.module:Name")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise UserError(f"{what} {name!r} cannot be imported: {error}") from error
    except AttributeError:
        raise UserError(f"{what} {name!r}: {module} has no {attribute}") from None
