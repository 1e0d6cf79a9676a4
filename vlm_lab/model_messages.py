"""Why a model cannot be loaded or asked, as sentences: its files, its settings, its process.

A part of `vlm_lab.messages.MESSAGES`. What a library said itself is a figure (`said`) and stays as
it was said. Sent to workers in other interpreters: valid on Python 3.9.
"""

from __future__ import annotations

MODEL_MESSAGES: dict[str, tuple[str, ...]] = {
    # weights that are not here, or not whole
    "no_weights_folder": ("{model}: no folder {path}; correct `model_id` in models.yaml",),
    "no_weights": ("{model}: no weights of {model_id} ({revision}) here; {command}",),
    "weights_incomplete": ("{model}: {path} is incomplete; {remedy}",),
    "weights_lack": ("{model}: {path} is incomplete, it lacks {files}; {remedy}",),
    "weights_damaged": ("{model}: {path} is incomplete: {damage}; {remedy}",),
    "weights_lack_and_damaged": (
        "{model}: {path} is incomplete, it lacks {files}: {damage}; {remedy}",
    ),
    "more_damage": ("{damage} (and {n} more)",) * 2,
    "merge_adapter": (
        "name its base as `model_id` and this folder as `adapter` in models.yaml; where the two"
        " were merged here, remove adapter_*",
    ),
    "correct_folder": ("correct or complete it: `model_id` in models.yaml is {path}",),
    "copy_anew": ("copy {path} anew from where it was made",),
    # code that a checkpoint brings
    "code_not_pinned": (
        "{model}: {setting} runs code from {model_id}, so `revision` must be a commit of 40"
        " hexadecimal digits (got {revision!r}); here is {found}",
    ),
    "none_known": ("none known",),
    "foreign_code": (
        "{model}: its auto_map runs code of another repository, which `revision` does not pin:"
        " {classes}; copy that code into a local folder with the weights, and name its files in"
        " auto_map",
    ),
    # the process of a model
    "interpreter_unfit": ("{model}: {what}; correct it in models.yaml, or make one: {command}",),
    "interpreter_not_started": ("python: {path} does not start ({said})",),
    "interpreter_broken": ("python: {path} is no Python that works ({said})",),
    "interpreter_lacks": ("python: {path} lacks what this model needs ({said})",),
    "while_loading": ("{model}: while loading: {what}",),
    "load_failed": ("{model}: could not be loaded: {said}",),
    "load_failed_files": ("{what}; {files}: {remedy}",),
    "load_failed_remedy": ("{what}; {remedy}",),
    "load_failed_own_code": (
        "{what}; it brings code of its own, which may need other versions: {command}",
    ),
    "in_call": ("{model}: in {call}: {what}",),
    "no_answer_within": ("no answer within {seconds:g} s",),
    "worker_failed": ("the worker failed: {said}",),
    "the_worker": ("the worker",),
    "process_exited": ("{name} exited with status {status}; the last it said: {said}",),
    "process_killed": ("{name} was killed by {status}; the last it said: {said}",),
    "process_out_of_memory": (
        "{name} was killed by {status} (out of memory? the kernel's log says); the last it"
        " said: {said}",
    ),
    "said_nothing": ("nothing",),
    "not_started_again": (
        "{name}: not started again after {n} death: {what}",
        "{name}: not started again after {n} deaths: {what}",
    ),
    # files of a checkpoint that are here and not whole
    "adapter_alone": ("{file} is an adapter of {base} without its base, which is not loaded",),
    "adapter_beside": ("{file} is an adapter of {base} beside the weights, which is not loaded",),
    "unnamed_base": ("a model that it does not name",),
    "lfs_pointer": ("{file} is a pointer of Git LFS, not the file itself",),
    "file_empty": ("{file} is empty",),
    "file_broken_off": (
        "{file} has {size:,} bytes and breaks off: it is an archive without its end",
    ),
    "file_too_short": ("{file} has {size:,} of the {wanted:,} bytes that its header promises",),
    "file_too_long": ("{file} has {size:,} bytes, its header knows of {wanted:,}",),
    "file_without_weights": ("{file} holds no weights",),
    "file_ends_in_zeros": ("{file} ends in zeros, as a copy that broke off",),
    "file_not_json": ("{file} is not JSON ({said})",),
    "file_no_object": ("{file} holds no JSON object (got {type})",),
    "file_lacks_weights": ("{file} lacks {names}, which {index} says are in it",),
    "file_of_bytes": (
        "{file} holds bytes in place of weights ({names}), and config.json has no"
        " quantization_config",
    ),
    # weights that a loaded model would not have
    "weights_random": (
        "{n} of {total} weights is not in the checkpoint and would be random: {names}; does"
        " config.json belong to these weights?",
        "{n} of {total} weights are not in the checkpoint and would be random: {names}; does"
        " config.json belong to these weights?",
    ),
    "weights_lost": (
        "{n} weight of the checkpoint belongs to a part that the model has and was not loaded:"
        " {names}; does config.json belong to these weights?",
        "{n} weights of the checkpoint belong to parts that the model has and were not loaded:"
        " {names}; does config.json belong to these weights?",
    ),
    "weights_misshapen": (
        "{n} weight has another shape than the model: {names}; does config.json belong to these"
        " weights?",
        "{n} weights have another shape than the model: {names}; does config.json belong to these"
        " weights?",
    ),
    "weight_shapes": ("{name} ({in_file} in the file, {in_model} by config.json)",),
    "weights_no_numbers": (
        "{n} weight holds what is no finite number: {names}",
        "{n} weights hold what is no finite number: {names}",
    ),
    # settings that cannot be had
    "no_such_device": ("--device: no device {requested!r}; known: auto, cpu, cuda, cuda:N, mps",),
    "device_not_here": (
        "--device {requested}: torch {version} sees {n} CUDA device; use --device auto",
        "--device {requested}: torch {version} sees {n} CUDA devices; use --device auto",
    ),
    "no_such_dtype": (
        "dtype: torch cannot load weights as {requested!r}; known: auto, float32, float16,"
        " bfloat16",
    ),
    "no_attention": ("attn_implementation: {requested} cannot be had: {why}; use auto",),
    "attention_unknown_to_model": ("this model has none",),
    "flash_not_installed": ("package flash_attn is not installed",),
    "flash_needs_cuda": ("needs a CUDA device, not {device}",),
    "flash_needs_half": ("needs float16 or bfloat16, not {dtype}",),
    "no_pixel_budget": (
        "processor_kwargs: max_visual_tokens: this family of models has no pixel budget; remove it",
    ),
    "pixel_budget_too_small": (
        "processor_kwargs: max_visual_tokens: this model needs {minimum} at least (got {tokens})",
    ),
    "unknown_server_key": ("{model}: backend_kwargs: unknown key {key!r}; known: {known}",),
    "unknown_secret_key": (
        "{model}: backend_kwargs: unknown key {key!r}; name the variable that holds it with"
        " api_key_env; known: {known}",
    ),
    "no_base_url": (
        "{model}: backend_kwargs: base_url is missing, for example {url}; or let the run start a"
        " server: serve: vllm",
    ),
    "bad_server_setting": ("{model}: backend_kwargs: {key}: {said}",),
    "key_no_variable": (
        "{model}: backend_kwargs: api_key_env must be the name of an environment variable, not the"
        " key itself",
    ),
    "bad_network": (
        "{model}: backend_kwargs: private_networks: {said}; write one like 100.64.0.0/10",
    ),
    "bad_base_url": ("{model}: backend_kwargs: base_url must look like {url}",),
    "secret_in_base_url": (
        "{model}: backend_kwargs: base_url may hold neither a password nor a query; a key goes into"
        " api_key_env",
    ),
    "setting_gone": (
        "{model}: {value} is gone from transformers 5; AutoModelForImageTextToText is used for"
        " every model, remove the setting",
    ),
    "setting_renamed": (
        "{model}: load_kwargs: {old} is spelt `{new}` and stands beside load_kwargs",
    ),
    "unknown_timeout": (
        "{model}: backend_kwargs: known are {known}, in seconds above 0 (got {key}: {value})",
    ),
    "no_seconds": ("{model}: backend_kwargs: {key} must be seconds above 0 (got {value})",),
    # a prompt that a model cannot be asked
    "no_template_to_set": (
        "chat_template_kwargs: this checkpoint has no chat template; remove them",
    ),
    "no_template_of_name": (
        "the checkpoint has no chat template {name!r}; name one of them in models.yaml:"
        " chat_template_kwargs: {{chat_template: {first}}} (known: {known})",
    ),
    "no_template_variable": (
        "chat_template_kwargs: {source} has no variable {variable!r}; correct or remove it in"
        " models.yaml",
    ),
    "template_hides_words": (
        "the chat template in {source} does not show a prompt's words ({why}); put a template that"
        " does into chat_template.jinja",
    ),
    "leaves_words_out": ("it leaves them out",),
    "sees_no_pages": (
        "this checkpoint is of a language model that sees no pages: set image: false in models.yaml"
        " and {{{{ ocr_text }}}} in its prompt",
    ),
    "one_image_alone": ("this model takes one image, the prompt has {n}; set `pages: each`",) * 2,
    "window_full": (
        "the prompt has {tokens:,} tokens, {excess:,} too many for this model's window of"
        " {window:,}: send fewer pages or fewer visual tokens",
    ),
    "no_batch_by_own_code": ("this model's own code takes one prompt at a time",),
    # an adapter beside a model's weights
    "no_adapter_folder": ("{model}: no folder {path}; correct `adapter` in models.yaml",),
    "adapter_not_pinned": (
        "{model}: no folder {path}; an adapter of the hub is named with its commit, `adapter`:"
        " {path}@<40 hexadecimal digits>",
    ),
    "no_adapter": ("{model}: no adapter {path} ({commit}) here; {command}",),
    "adapter_damaged": (
        "{model}: {path} is no whole adapter: {damage}; correct `adapter` in models.yaml",
    ),
    "adapter_file_missing": ("it has no {file}",),
    "adapter_of_pickle": ("{file} is a pickle, which can run any code; save it as safetensors",),
    "adapter_of_another": (
        "{model}: the adapter in {path} was trained on {base}, not on {own}; correct `adapter` or"
        " `model_id` in models.yaml",
    ),
    "adapter_not_taken": ("adapter: {said}; was it trained on this model?",),
    "adapter_of_no_class": ("adapter: {name} takes none",),
    "adapter_of_old_version": ("adapter: needs transformers 5, which says what it loaded",),
    "adapter_lacks": (
        "the adapter lacks {n} weight: {names}; was it trained on this model?",
        "the adapter lacks {n} weights: {names}; was it trained on this model?",
    ),
    "adapter_has_more": (
        "the model has no part for {n} weight of the adapter: {names}; was it trained on this"
        " model?",
        "the model has no part for {n} weights of the adapter: {names}; was it trained on this"
        " model?",
    ),
    "adapter_misshapen": (
        "{n} weight of the adapter does not fit: {names}; was it trained on this model?",
        "{n} weights of the adapter do not fit: {names}; was it trained on this model?",
    ),
    "adapter_no_numbers": (
        "{n} weight of the adapter holds what is no finite number: {names}",
        "{n} weights of the adapter hold what is no finite number: {names}",
    ),
    "adapter_untrained": (
        "the adapter changes nothing: all that it would add is zeros; was it trained?",
    ),
    # fewer bits, replies that are held to a schema, and the packages for them
    "quantized_already": (
        "{model}: quantization: {name}: this checkpoint is quantized already ({method}); remove it",
    ),
    "response_format_unknown": (
        "{model}: backend_kwargs: response_format must be json_schema (got {value})",
    ),
    "response_format_of_tags": (
        "{model}: backend_kwargs: response_format: this family answers in tags of its own, not in"
        " JSON; remove it",
    ),
    "no_grammar": (
        "response_format: no grammar can be made of schema.json ({said}); take that out of it, or"
        " remove response_format",
    ),
    "grammar_gave_up": ("response_format: the grammar was given up ({said})",),
    "grammar_tokenizer": (
        "response_format: llguidance takes no tokenizer of this kind ({type}); remove"
        " response_format",
    ),
    "grammar_without_end": ("response_format: this model has no token that ends",),
    "lacks_package": ("{model}: {setting} needs the package {package}; {command}",),
}
