"""A suite's folder -> what a run needs around it where no project is: pytest.ini, models.yaml.

An installed package has no checkout that would bring them; in one, nothing is proposed.
"""

import os
from pathlib import Path

import yaml

from vlm_lab.commands import find_project, format_command

PYTEST_INI = """\
[pytest]
testpaths = benchmarks
pythonpath = .
addopts = -p vlm_lab.plugin -p no:anyio
strict = true
console_output_style = classic
"""
GITIGNORE = """\
# Runs and cached replies hold what your documents say; the baseline has no values.
/results/*
!/results/baseline.json
/cache/
"""
MODELS_YAML = """\
# The candidates. One entry is all it takes to add a model; {run} runs it.
# A model whose weights are not on this machine is skipped, with the command that would fetch them.

defaults:
  prompts: [default]
  generation_kwargs: {{max_new_tokens: 1024, temperature: 0.0}}

models:
  - name: ocr                      # the baseline that every model must beat; needs no weights
    model_id: rapidocr
    backend: ocr

{pipeline}  - name: qwen2-vl-2b              # {fetch}
    model_id: Qwen/Qwen2-VL-2B-Instruct
    processor_kwargs: {{max_pixels: 1003520}}

decide:
  require: {{field_f1: 0.95, max_error_rate: 0.01}}
"""
PIPELINE_ENTRY = """\
  - name: today                    # your pipeline's own files: its answers as they are
    model_id: {references}
    backend: replay
    incumbent: true                # what is used today: others are held beside it

"""


def propose_project_files(suite: Path, pipeline: Path | None) -> dict[Path, str]:
    """The text of each file that a project around benchmarks/NAME lacks, by its path. `pipeline` is
    the folder with a pipeline's own answers, None where the references are no answers.

    Empty where a project is there, or where the suite does not lie in a folder `benchmarks`, in
    which `vlm-lab run` would look for it.
    """
    folder = suite.absolute()
    if folder.parent.name != "benchmarks" or find_project(folder.parent):
        return {}
    project = folder.parent.parent
    models = MODELS_YAML.format(
        pipeline=_format_pipeline(pipeline, project) if pipeline else "",
        run=format_command("run", "-k", "NAME"),
        fetch=format_command("weights", "fetch", "qwen2-vl-2b"),
    )
    texts = {project / "pytest.ini": PYTEST_INI, project / "models.yaml": models}
    gitignore = project / ".gitignore"
    # One that is there is the user's, and says enough of its own.
    return texts if gitignore.exists() else {**texts, gitignore: GITIGNORE}


def _format_pipeline(pipeline: Path, project: Path) -> str:
    path = yaml.safe_dump(os.path.relpath(pipeline, project), allow_unicode=True, width=10_000)
    return PIPELINE_ENTRY.format(references=path.splitlines()[0])
