"""pytest tests/test_nano_variants.py: the model that ships, as it is and with the text of its pages
beside them: two ways of one run, held against each other.

It was never taught to read text: what is tested is the path, and nothing is said for or against it.
"""

import pytest

from tests.projects import PROJECT, records_of, run_folder_of, write_project
from training.nano import FOLDER, test_set
from vlm_lab.records.report_json import read_report
from vlm_lab.report.variant_table import VARIANT_COLUMNS, build_variant_rows

DOCUMENTS = 4
MODELS = f"""
defaults: {{generation_kwargs: {{max_new_tokens: 64}}}}
prompts:
  with-text: {{text: "{{{{ schema }}}} {{{{ ocr_text }}}}"}}
models:
  - name: nano
    model_id: {FOLDER}
    variants:
      ocr: {{prompts: [with-text]}}
"""


@pytest.mark.slow
def test_the_text_of_pages_is_a_variant_with_a_paired_interval(
    pytester: pytest.Pytester,
) -> None:
    for package in ("torch", "transformers", "rapidocr"):
        pytest.importorskip(package)
    write_project(pytester.path, MODELS, {})
    suite = pytester.path / "benchmarks" / "invoices"
    test_set.write(suite, DOCUMENTS, seed=31)
    shipped = PROJECT / "benchmarks" / "invoices"
    for name in ("schema.json", "prompt.md"):
        (suite / name).write_bytes((shipped / name).read_bytes())
    result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider", "--device", "cpu")
    assert result.ret == 0
    result.stdout.re_match_lines([r"nano\+ocr +with-text +ocr +\d"])
    run = run_folder_of(pytester.path)
    records = records_of(run)
    by_model = {record["model"]: record for record in records}
    assert len(records) == 2 * DOCUMENTS
    assert by_model["nano"]["page_text"] is None
    assert len(by_model["nano+ocr"]["page_text"]["text"]) > 20
    usage = by_model["nano+ocr"]["usage"]
    assert usage["prompt_tokens"] > usage["visual_tokens"] + 100
    report = read_report(run)
    (row,) = build_variant_rows(report, report.summaries)
    cells = dict(zip(VARIANT_COLUMNS, row, strict=True))
    assert (cells["variant"], cells["prompt"]) == ("nano+ocr", "with-text")
    assert -1 <= float(cells["minus as it is"]) <= 1
    assert 0 <= float(cells["as good within"]) <= 1
