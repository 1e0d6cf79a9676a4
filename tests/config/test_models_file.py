"""pytest tests/config/test_models_file.py: no misspelt key is a setting that was ignored."""

from dataclasses import fields
from pathlib import Path

import pytest

from vlm_lab.backends.openai.settings import ServerSettings
from vlm_lab.backends.reply_schema import RESPONSE_FORMAT
from vlm_lab.backends.timeouts import DEFAULT_TIMEOUTS
from vlm_lab.config.models_file import check_prompts, load_candidates
from vlm_lab.config.setting_names import BACKEND_KEYS, BACKENDS
from vlm_lab.errors import UserError
from vlm_lab.types import CostRates

GOOD = """\
defaults:
  prompts: [default, terse]
  generation_kwargs: {max_new_tokens: 1024, temperature: 0.0}
prompts:
  terse: {text: "Return JSON: {{ schema }}"}
models:
  - name: a
    model_id: hub/a
    generation_kwargs: {temperature: 0.2}
  - name: b
    model_id: hub/b
    prompts: [terse]
"""


def write(folder: Path, text: str, name: str = "models.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_defaults_are_merged_key_by_key(tmp_path: Path) -> None:
    candidates = load_candidates([write(tmp_path, GOOD)])
    first, second = candidates.models
    assert first.generation_kwargs == {"max_new_tokens": 1024, "temperature": 0.2}
    assert (first.prompts, second.prompts) == (("default", "terse"), ("terse",))
    assert candidates.prompts == {"terse": "Return JSON: {{ schema }}"}
    assert len({first, second, *candidates.models}) == 2, (
        "a model must be hashable, or pytest loads it twice"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "model_id: hub/a",
            "model_id: hub/a\n    revison: x",
            "models.yaml:9: models[0].revison: unknown key",
        ),
        ("model_id: hub/a", "model_id: hub/a\n    revison: x", "did you mean 'revision'?"),
        (
            "model_id: hub/a",
            "model_id: hub/a\n    torch_dtype: auto",
            "models.yaml:9: models[0].torch_dtype: the key",
        ),
        (
            "model_id: hub/a",
            "model_id: hub/a\n    isolate: false",
            "models.yaml:9: models[0].isolate: is for a backend of your own (package.module:Class)",
        ),
        (
            "model_id: hub/a",
            "model_id: hub/a\n    revision: 1234567",
            "models.yaml:9: models[0].revision: input should",
        ),
        (
            "model_id: hub/a",
            "model_id: hub/a\n    status: choosen",
            "'chosen', 'rejected' or 'needs_more_data'",
        ),
        *(
            ("model_id: hub/a", f"model_id: hub/a\n    {line}", f"models.yaml:9: models[0].{said}")
            for line, said in (
                (
                    "backend: opnai",
                    "backend: no backend 'opnai'; did you mean 'openai'? A backend of your own is"
                    " named by its class: package.module:Class",
                ),
                (
                    "backend: echo.Echo",
                    "backend: no backend 'echo.Echo'; known: ocr, openai, replay, transformers. A"
                    " backend of your own is named by its class: package.module:Class",
                ),
                ("backend: 'echo:'", "backend: no backend 'echo:'; known: ocr, openai, replay"),
                ("dtype: flaot16", "dtype: no dtype 'flaot16'; did you mean 'float16'?"),
                (
                    "attn_implementation: falsh_attention_2",
                    "attn_implementation: no attn_implementation 'falsh_attention_2'; did you mean "
                    "'flash_attention_2'?",
                ),
            )
        ),
        ("    model_id: hub/a\n", "", "models[0].model_id: is missing"),
        ("name: a", "name: A/b", "models.yaml:7: models[0].name: must match"),
        ("name: a", "name: a.json", "not end in .json"),
        ("name: a", "name: report_files", "report_files (got 'report_files')"),
        ("name: a", "name: reserve.part", "report_files (got 'reserve.part')"),
        ("name: a", f"name: {'a' * 61}", "models.yaml:7: models[0].name: must match"),
        ("name: b", "name: a", "models.yaml:10: models[1].name: two models are named 'a'"),
        (
            "    model_id: hub/a",
            "    model_id: hub/a\n    model_id: hub/c",
            "models.yaml:9: the key 'model_id' stands",
        ),
        (
            "defaults:",
            "default:",
            "models.yaml:1: default: unknown key 'default'; did you mean 'defaults'?",
        ),
        ('{text: "Return', '{txt: "Return', "did you mean 'text'?"),
        ("models:\n", "models: 5\nx:\n", "unknown key 'x'"),
        ("name: a", "name: [a", "models.yaml: is not YAML"),
        ("hub/a", "!!python/object/apply:os.system [ls]", "models.yaml: is not YAML"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    with pytest.raises(UserError) as error:
        load_candidates([write(tmp_path, GOOD.replace(old, new, 1))])
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "load_kwargs: {trust_remote_code: true}",
            "load_kwargs.trust_remote_code: stands beside load_kwargs",
        ),
        (
            "load_kwargs: {use_safetensors: false}",
            "load_kwargs.use_safetensors: stands beside load_kwargs",
        ),
        ("load_kwargs: {revision: main}", "load_kwargs.revision: stands beside load_kwargs"),
        (
            "load_kwargs: {attn_implementation: eager}",
            "load_kwargs.attn_implementation: stands beside",
        ),
        ("load_kwargs: {code_revision: main}", "load_kwargs.code_revision: is not taken"),
        (
            "load_kwargs: {ignore_mismatched_sizes: true}",
            "load_kwargs.ignore_mismatched_sizes: is not taken: weights of another shape",
        ),
        (
            "chat_template_kwargs: {messages: []}",
            "chat_template_kwargs.messages: is not taken: it is the prompt",
        ),
        (
            "chat_template_kwargs: {add_generation_prompt: false}",
            "chat_template_kwargs.add_generation_prompt: is not taken: it is set by",
        ),
        (
            "chat_template_kwargs: {trust_remote_code: true}",
            "chat_template_kwargs.trust_remote_code: is not taken: it stands beside",
        ),
        (
            "chat_template_kwargs: {chat_template: '{{ messages }}'}",
            "chat_template_kwargs.chat_template: must be the name of one of the checkpoint's",
        ),
        ("load_kwargs: {use_kernels: true}", "load_kwargs.use_kernels: is not taken"),
        (
            "load_kwargs: {adapter_kwargs: {revision: main}}",
            "load_kwargs.adapter_kwargs.revision: stands beside",
        ),
        (
            "processor_kwargs: {trust_remote_code: true}",
            "processor_kwargs.trust_remote_code: stands beside",
        ),
        (
            "generation_kwargs: {custom_generate: a/b}",
            "generation_kwargs.custom_generate: is not taken: runs code",
        ),
        (
            "generation_kwargs: {trust_remote_code: true}",
            "generation_kwargs.trust_remote_code: stands beside",
        ),
        (
            "backend_kwargs: {extra_body: {model: other}}",
            "extra_body.model: is not taken: it is `model_id`",
        ),
        ("backend_kwargs: {extra_body: {messages: []}}", "extra_body.messages: is not taken"),
        ("attn_implementation: org/kernel", "attn_implementation: a kernel of the hub is code"),
        (
            "attn_implementation: org/kernel@main",
            "attn_implementation: a kernel of the hub is code",
        ),
    ],
)
def test_what_would_lift_a_guard_is_refused_by_name(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        load_candidates(
            [write(tmp_path, GOOD.replace("generation_kwargs: {temperature: 0.2}", line, 1))]
        )
    assert said in str(error.value)
    assert "models.yaml:9: models[0]." in str(error.value)


def test_a_pinned_kernel_and_a_quantisations_own_dtype_are_taken(tmp_path: Path) -> None:
    kernel = f"trust_remote_code: true\n    attn_implementation: org/kernel@{'a' * 40}"
    quantised = "load_kwargs: {quantization_config: {dtype: int8}}"
    text = GOOD.replace("model_id: hub/a", f"model_id: hub/a\n    {kernel}\n    {quantised}", 1)
    assert load_candidates([write(tmp_path, text)]).models[0].trust_remote_code


@pytest.mark.parametrize(
    "line",
    [
        "backend: 'own.readers:Reader'",
        "dtype: bf16",
        "dtype: float8_e4m3fn",
        "attn_implementation: flash_attention_4",
        "attn_implementation: paged|sdpa",
        "attn_implementation: something_else_entirely",
    ],
)
def test_names_that_only_libraries_know_are_taken(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, GOOD.replace("model_id: hub/a", f"model_id: hub/a\n    {line}", 1))
    assert len(load_candidates([path]).models) == len(
        load_candidates([write(tmp_path, GOOD)]).models
    )


def test_variables_of_a_chat_template_are_taken_as_they_are(tmp_path: Path) -> None:
    """Inside a variable a word is data, also where it is a guard's elsewhere; defaults add up."""
    variables = "chat_template_kwargs: {enable_thinking: false}"
    own = "chat_template_kwargs: {template: {revision: date}, chat_template: rag}"
    text = GOOD.replace("model_id: hub/a", f"model_id: hub/a\n    {own}", 1)
    text = text.replace("defaults:", f"defaults:\n  {variables}", 1)
    model = load_candidates([write(tmp_path, text)]).models[0]
    assert model.chat_template_kwargs == {
        "enable_thinking": False,
        "template": {"revision": "date"},
        "chat_template": "rag",
    }
    assert hash(model) == hash(model)


def test_plugins_are_modules_names(tmp_path: Path) -> None:
    assert load_candidates([write(tmp_path, f"plugins: [acme.types]\n{GOOD}")]).plugins == (
        "acme.types",
    )
    with pytest.raises(
        UserError, match=r"models.yaml:1: plugins\[0\]: must be a module's name.*'acme:types'"
    ):
        load_candidates([write(tmp_path, f"plugins: ['acme:types']\n{GOOD}")])


def test_one_name_in_two_files_is_refused(tmp_path: Path) -> None:
    other = write(tmp_path, GOOD, "more.yaml")
    with pytest.raises(UserError, match="two models are named"):
        load_candidates([write(tmp_path, GOOD), other])


def test_files_add_up_in_order(tmp_path: Path) -> None:
    more = write(tmp_path, "models: [{name: z, model_id: hub/z}]", "more.yaml")
    assert [model.name for model in load_candidates([more, write(tmp_path, GOOD)]).models] == [
        "z",
        "a",
        "b",
    ]


def test_a_prompt_that_does_not_exist_names_the_ones_that_do(tmp_path: Path) -> None:
    candidates = load_candidates([write(tmp_path, GOOD)])
    with pytest.raises(
        UserError, match=r"models.yaml:7: a: prompts: no prompt 'terse'; known: default"
    ):
        check_prompts(candidates, {"default": ""}, [])
    with pytest.raises(
        UserError, match="command line: --prompt: no prompt 'ters'; did you mean 'terse'"
    ):
        check_prompts(candidates, {"default": "", "terse": ""}, ["ters"])


def test_the_file_that_ships_is_right() -> None:
    candidates = load_candidates([Path(__file__).parents[2] / "models.yaml"])
    assert {"ocr", "qwen2-vl-2b", "phi-3-vision", "llava-1.5-7b", "llava-1.6-mistral-7b"} <= set(
        candidates.locations
    )


RATES = "minutes_per_field: 1.5, wage_per_hour: 30, missed_total: 80"


def test_what_errors_cost_is_read(tmp_path: Path) -> None:
    rules = load_candidates([write(tmp_path, f"decide: {{cost: {{{RATES}}}}}\n")]).rules
    assert rules.cost == CostRates(minutes_per_field=1.5, wage_per_hour=30, missed_total=80)
    assert load_candidates([write(tmp_path, GOOD)]).rules.cost is None


@pytest.mark.parametrize(
    ("rates", "complaint"),
    [
        (f"{RATES}, wage_per_hours: 1", "decide.cost.wage_per_hours.*unknown key.*did you mean"),
        (RATES.replace("30", "-1"), "decide.cost.wage_per_hour.*must be 0 or more, got -1"),
        (RATES.replace("80", ".inf"), "decide.cost.missed_total.*must be 0 or more"),
        ("minutes_per_field: 1.5", "decide.cost.wage_per_hour.*is missing"),
        ("80", "decide.cost.*must be a mapping"),
    ],
)
def test_a_rate_that_is_none_is_said(tmp_path: Path, rates: str, complaint: str) -> None:
    value = f"{{{rates}}}" if ":" in rates else rates
    with pytest.raises(UserError, match=f"models.yaml:\\d+.*{complaint}"):
        load_candidates([write(tmp_path, f"decide:\n  cost: {value}\n")])


@pytest.mark.parametrize(
    ("backend", "kwargs", "said"),
    [
        ("transformers", "{reply_timout: 60}", "no key 'reply_timout'; did you mean 'reply_t"),
        ("openai", "{api_key: sk-1}", "no key 'api_key'; did you mean 'api_key_env'?"),
        ("replay", "{unwarp: a}", "no key 'unwarp'; did you mean 'unwrap'?"),
        ("ocr", "{lang: ru}", "no key 'lang'; known: output"),
    ],
)
def test_a_typo_in_backend_kwargs_is_found_where_the_file_is_read(
    tmp_path: Path, backend: str, kwargs: str, said: str
) -> None:
    lines = f"model_id: hub/a\n    backend: {backend}\n    backend_kwargs: {kwargs}"
    with pytest.raises(UserError) as error:
        load_candidates([write(tmp_path, GOOD.replace("model_id: hub/a", lines, 1))])
    assert f"models.yaml:10: models[0].backend_kwargs.{kwargs[1:].split(':')[0]}: " in str(
        error.value
    )
    assert f"backend {backend} has {said}" in str(error.value)
    assert "sk-1" not in str(error.value), "a key that was typed in the wrong place"


def test_backend_kwargs_of_defaults_are_for_every_backend(tmp_path: Path) -> None:
    shared = "defaults:\n  backend_kwargs: {KEY: 60}\nmodels:\n"
    entries = "  - {name: a, model_id: x}\n  - {name: b, model_id: x, backend: ocr}\n"
    load_candidates([write(tmp_path, (shared + entries).replace("KEY", "reply_timeout"))])
    with pytest.raises(UserError, match=r"models\.yaml:2: defaults\.backend_kwargs\.reply: "):
        load_candidates([write(tmp_path, (shared + entries).replace("KEY", "reply"))])


def test_the_keys_of_each_backend_are_those_that_it_reads() -> None:
    assert BACKEND_KEYS.keys() == BACKENDS.keys()
    assert [*BACKEND_KEYS["openai"]] == [setting.name for setting in fields(ServerSettings)]
    assert [*BACKEND_KEYS["transformers"]] == [*DEFAULT_TIMEOUTS, RESPONSE_FORMAT]
