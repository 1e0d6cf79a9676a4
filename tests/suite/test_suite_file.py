"""pytest tests/suite/test_suite_file.py: what is wrong with suite.yaml is named."""

from pathlib import Path

import pytest

from tests.suites import REFERENCE, write_suite
from vlm_lab.errors import UserError
from vlm_lab.suite import load_documents, load_suite


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("mach: x", "suite.yaml:1: mach: unknown key 'mach'; did you mean 'match'?"),
        ("pages: {max: 0}", "suite.yaml:1: pages.max: must be 1 or more (got 0)"),
        ("\nempty: none", "suite.yaml:2: empty: input should be 'unlabelled' or 'absent'"),
        ("decimal_mark: '|'", "suite.yaml:1: decimal_mark: input should be '', '.' or ','"),
        ("prompts: {terse: terse.md}", "suite.yaml:1: prompts.terse: no file"),
        ("tags: {file: none.csv}", "none.csv: cannot be read"),
    ],
)
def test_a_wrong_suite_names_file_line_and_key(tmp_path: Path, rules: str, said: str) -> None:
    write_suite(tmp_path, {"a": REFERENCE}, rules)
    with pytest.raises(UserError) as error:
        load_documents(load_suite(tmp_path))
    assert said in str(error.value)
