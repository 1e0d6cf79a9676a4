"""Prompts, replies and errors of a user's own backend <-> what crosses the pipe.

Pickles go to the worker alone, which was started to run the user's code. Back come JSON texts:
reading a pickle would run what it says in this process. An object that is no data does not cross,
and the case that it belongs to says so.
"""

import json
import pickle
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from vlm_lab.errors import DiskError, DocumentError, GenerationError, Skip, UserError
from vlm_lab.messages import Message
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import Generation
from vlm_lab.workers import child

BAD_REPLY = "BadReply"
# A worker names the class of an error that means something to us; all others are its kind alone.
ERROR_CLASSES: Mapping[str, Callable[[str, str], BaseException]] = {
    "KeyboardInterrupt": lambda kind, message: KeyboardInterrupt(message),
    "GenerationError": GenerationError,
    "Skip": lambda kind, message: Skip(message),
    "DiskError": lambda kind, message: DiskError(message),
    "DocumentError": lambda kind, message: DocumentError(message),
    "UserError": lambda kind, message: UserError(message),
}


def encode_arguments(arguments: tuple[Any, ...]) -> bytes:
    """What a call is given. UserError where something in it cannot be pickled."""
    try:
        return pickle.dumps(arguments)
    except Exception as error:
        figures = {"said": f"{type(error).__name__}: {error}"}
        raise UserError(Message("argument_no_data", figures)) from None


def decode_arguments(data: bytes) -> Any:
    """The arguments of a call, inside the worker."""
    return pickle.loads(data)  # noqa: S301 - from our own parent


def encode_generation(generation: object) -> Any:
    """A reply as plain data. GenerationError where it is no Generation, or holds what is no
    data."""
    if not isinstance(generation, Generation):
        type_name = type(generation).__name__
        raise GenerationError(BAD_REPLY, Message("no_generation", {"type": type_name}))
    plain = get_adapter(Generation).dump_python(generation, warnings=False)
    try:
        return json.loads(json.dumps(plain, default=to_jsonable_python))
    except (TypeError, ValueError) as error:
        figures = {"said": str(error)}
        raise GenerationError(BAD_REPLY, Message("generation_no_data", figures)) from None


def decode_generation(plain: object) -> Generation:
    """The reply, typed. GenerationError where a value is not what its field holds."""
    try:
        return get_adapter(Generation).validate_python(plain)
    except ValidationError as error:
        first_error = error.errors()[0]
        location = ".".join(map(str, first_error["loc"]))
        figures = {"key": location, "said": first_error["msg"]}
        raise GenerationError(BAD_REPLY, Message("generation_field", figures)) from None


def describe_error(error: BaseException) -> list[str]:
    """Kind, message, the class that it means to us ("" for none), and then its traceback."""
    class_names = [cls.__name__ for cls in type(error).__mro__]
    class_name = next((name for name in class_names if name in ERROR_CLASSES), "")
    if class_name:
        return [getattr(error, "kind", class_name), str(error), class_name, ""]
    trace = "".join(traceback.format_exception(error))
    return [child.find_error_kind(error), str(error) or class_names[0], "", trace]


def make_error(kind: str, message: str, class_name: str) -> BaseException:
    """The error that `describe_error` described."""
    return ERROR_CLASSES.get(class_name, GenerationError)(kind, message)
