"""Why a cell has no answer, as sentences: what a document, a prompt, a server or a reply lacks.

A part of `vlm_lab.messages.MESSAGES`. What a server or a library said itself is a figure (`said`)
and stays as it was said. Sent to workers in other interpreters: valid on Python 3.9.
"""

from __future__ import annotations

# A file that cannot become pages: no further attempt reads it before it is replaced.
DOCUMENT_MESSAGES: dict[str, tuple[str, ...]] = {
    "file_not_read": ("{name}: cannot be read ({said})",),
    "file_too_large": ("{name}: is {size:,} bytes, the limit is {limit:,}; split the file",),
    "file_too_small": (
        "{name}: has {n} byte, too few for a document; replace the file",
        "{name}: has {n} bytes, too few for a document; replace the file",
    ),
    "not_rendered": ("{name}: cannot be rendered ({said}); save it anew as PDF or PNG",),
    "page_not_rendered": (
        "{name}: page {page} cannot be rendered ({said}); save it anew as PDF or PNG",
    ),
    "page_too_late": (
        "{name}: {place} was not done within {seconds:g} s, the limit for a document; print it to a"
        " new PDF or save it as PNG",
    ),
    "page_needs_memory": (
        "{name}: {place} needs more than {limit:g} GiB of memory, the limit for a document; print"
        " it to a new PDF or save it as PNG",
    ),
    "page_ended_process": (
        "{name}: {place} ended the process that renders pages ({said}); print it to a new PDF or"
        " save it as PNG",
    ),
    "pdf_locked": ("{name}: needs a password; save it without one first",),
    "pdf_broken": ("{name}: is not a readable PDF ({said}); replace the file",),
    "pdf_empty": ("{name}: is a PDF without pages; replace it",),
    "pdf_form": (
        "{name}: is an XFA form that only Adobe's viewers show; open it there and print it to a"
        " PDF",
    ),
    "pdf_cover": (
        "{name}: holds its documents as attachments ({attachments}) behind a page that says"
        " nothing; save them as files of their own",
    ),
    "picture_broken": ("{name}: is not a readable image ({said}); replace the file",),
    "picture_page_broken": ("{name}: page {page} is broken ({said}); replace the file",),
    "picture_too_large": (
        "{name}: page {page} is {across:,} x {down:,} pixels, the limit is {limit:,}; save it"
        " smaller",
    ),
    "no_picture": ("{name}: is no {formats}, whatever its name says; replace the file",),
}
# A prompt that cannot be made: none of its cases can be asked before it is corrected.
PROMPT_MESSAGES: dict[str, tuple[str, ...]] = {
    "prompt_not_utf8": ("{file}: prompt {prompt!r}: is not UTF-8 text; save it as UTF-8",),
    "prompt_broken": (
        "{file}: prompt {prompt!r}: {what}; a template may use {{{{ schema }}}},"
        " {{{{ template }}}} and {{{{ ocr_text }}}} alone",
    ),
    "prompt_line_broken": (
        "{file}: prompt {prompt!r}, line {line}: {what}; a template may use {{{{ schema }}}},"
        " {{{{ template }}}} and {{{{ ocr_text }}}} alone",
    ),
    "prompt_not_rendered": ("{file}: prompt {prompt!r}: cannot be rendered ({said})",),
}
FAILURE_MESSAGES: dict[str, tuple[str, ...]] = {
    **DOCUMENT_MESSAGES,
    **PROMPT_MESSAGES,
    # where a file fails, and files that another attempt may read
    "reading": ("reading it",),
    "on_page": ("page {page}",),
    "page_interrupted": ("{name}: was interrupted while it was rendered",),
    "picture_heic": ("{name}: is a HEIC picture; {command} to read it",),
    # what is wrong with a prompt's template
    "prompt_too_long": ("makes more than {limit:,} characters",),
    "prompt_needs_less": ("{part} is more than a prompt needs",),
    # a case that is not asked
    "meant_for_others": ("{model}: meant for other documents (`only` in models.yaml: {tags})",),
    "wanted_tag": ("{tag} {values}",),
    "no_cached_reply": ("{model}: no cached reply for {document}; run without --replies=only",),
    # pages that another model reads for a prompt
    "ocr_output": (
        "{model}: backend_kwargs: output: must be {form!r}, the pages' text (got {found});"
        " without it the reply has fields",
    ),
    "pages_not_read": ("{model} read no text of the pages for the prompt: {what}",),
    # answers that were given before
    "no_replay": ("{model}: nothing to replay at {path}; correct `model_id` in models.yaml",),
    "not_replayed": ("{path} has no answer for this document (prompt {prompt!r})",),
    "no_replay_file": ("{path} has no JSON file for this document",),
    "replay_not_read": ("{path}: cannot be read ({said})",),
    "file_not_utf8": ("{name}: is not UTF-8 text (byte {byte})",),
    "replay_not_json": ("{path}:{line}: is not JSON ({said})",),
    "replay_nested": ("{path}:{line}: is nested too deeply to be read",),
    "replay_no_object": (
        "{path}:{line}: must be an object with `document` and `raw_response` (got {found})",
    ),
    "bad_replay_file": ("its file cannot be replayed: {messages}",),
    "replay_without_suite": (
        "{path}: a folder of JSON files needs a suite that says how they are matched",
    ),
    "replay_of_others": (
        "{path}: has no answer of {model!r}; set backend_kwargs: {{model: NAME}}",
    ),
    # a backend of one's own
    "process_died": (
        "the process that asked this case died in it (of a signal, or for want of memory)",
    ),
    "replies_of_batch": (
        "a backend must return a reply for each of the {wanted} prompts of a batch (got {count})",
    ),
    "argument_no_data": (
        "what a backend of one's own is given must be data that can be pickled ({said}); isolate:"
        " false in models.yaml runs it without a process of its own",
    ),
    "no_generation": ("a backend must return a vlm_lab.types.Generation (got {type})",),
    "generation_no_data": ("the Generation holds an object that is no data ({said})",),
    "generation_field": ("the Generation's {key}: {said}",),
    # the OCR baseline
    "ocr_no_field": (
        "the suite has no field that the OCR rules know ({fields}) by its key and type in"
        " schema.json",
    ),
    "ocr_not_installed": ("the OCR baseline needs RapidOCR: {command}",),
    "ocr_lacks_models": ("RapidOCR's package has not all of its models in {path}: {command}",),
    "ocr_no_language": (
        "RapidOCR reads no {script} and Tesseract is not installed with {languages}: {command}",
    ),
    "ocr_failed": ("page {page}: {said}",),
    # a server that is started
    "engine_not_started": ("{model}: {engine} does not start ({said})",),
    "engine_ended": ("{model}: while starting: {what}",),
    "engine_too_late": (
        "{model}: {engine} did not answer within {seconds:g} s ({setting} gives it more); the last"
        " it said: {said}",
    ),
    "engine_cancelled": ("{model}: the run ended while {engine} started",),
    "engine_said": ("{what}; the last that {engine} said: {said}",),
    "not_asked_any_more": ("the run ended before it was asked",),
    "no_gguf": (
        "{model}: no file {path}; llama.cpp loads a GGUF file: correct `model_id` in models.yaml",
    ),
    "no_program": (
        "{model}: no program {program} on PATH; name the interpreter that has it under `python:`"
        " ({command} says how)",
    ),
    "no_program_beside": (
        "{model}: no program {program} beside python: {python} or on PATH; name the interpreter"
        " that has it under `python:` ({command} says how)",
    ),
    # servers
    "client_not_installed": ("the backend `openai` needs httpx2: {command}",),
    "port_of_others": (
        "a process of another user listens on port {port}, which was meant for the server that is"
        " started; nothing was sent to it; run it again",
    ),
    "not_private": (
        "documents would leave this machine: {host} is not known to be on a private network; list"
        " its network in private_networks (backend_kwargs), or run with --online to send them"
        " there",
    ),
    "no_server": ("no server answers at {url} ({said}); {remedy}",),
    "start_server": ("start one (for example: {command}) or correct base_url in models.yaml",),
    "key_not_set": ("{model}: {variable} is not set; export {variable}=... first",),
    "key_not_sent": ("{model}: {variable} holds characters that no header can carry",),
    "key_wanted": ("{url} answered {status}: it wants a key; name its variable with api_key_env",),
    "key_refused": ("{url} answered {status}: the key in {variable} is refused",),
    "of_model": ("{model}: {what}",),
    "at_server": ("{url}: {said}",),
    "server_answered": ("{url} answered {status}: {said}",),
    "nothing_more": ("nothing more",),
    "attempts": ("{what} ({n} attempt)", "{what} ({n} attempts)"),
    "window_too_small": (
        "{what}: send fewer pages, ask for fewer tokens, or give the server a larger window",
    ),
    "serves_others": ("{what}; it serves {names}: correct model_id in models.yaml",),
    "no_reply_within": ("no reply within {seconds:g} s",),
    "no_whole_reply_within": ("no whole reply within {seconds:g} s",),
    "reply_too_long": ("more than {limit} bytes; it was not read to its end",),
    "withheld": ("the server's content filter withheld the answer; nothing was judged",),
    "stream_failed": ("the stream ended with {said}",),
    "stream_broke": (
        "the stream breaks off after {n} character",
        "the stream breaks off after {n} characters",
    ),
    "bad_answer": (
        "the server answered 200 with {what} ({n} byte): {said}",
        "the server answered 200 with {what} ({n} bytes): {said}",
    ),
    "answered_error": ("the server answered 200 with {said}",),
    "no_json": ("no JSON",),
    "no_json_object": ("no JSON object",),
    "no_choice": ("no choices[0].message",),
    "no_text": ("content that is no text",),
    # what a reply lacks
    "empty_reply": ("empty reply",),
    "nested_reply": ("no JSON object, or one nested too deeply",),
    "list_reply": ("a list of {n} at the top, no object",) * 2,
    "cut_value": ("cut off before any value was complete",),
    "cut_thoughts": ("cut off before the thoughts ended",),
    "schema_reply": ("schema echo",),
    "repetition_reply": ("repetition",),
    "page_replies": ("{pages}",),
    "page_reply": ("page {page}: {what}",),
}
