"""What a model that needs an interpreter of its own still lacks is said before a run."""

from pathlib import Path

import pytest

from vlm_lab.backends.transformers.backend import Transformers
from vlm_lab.backends.transformers.recipes import find_missing_settings
from vlm_lab.messages import in_english
from vlm_lab.types import Model, Runtime

PHI = "microsoft/Phi-3-vision-128k-instruct"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write_interpreter(folder: Path, *packages: str) -> str:
    """A folder in which an interpreter's packages lie, by their metadata alone."""
    for name in packages:
        info = folder / "lib" / "python3.11" / "site-packages" / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    return str(folder / "bin" / "python")


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({}, ["python", "trust_remote_code: true", "revision (a commit)",
              "attn_implementation: eager"]),
        ({"trust_remote_code": True, "attn_implementation": "eager"},
         ["python", "revision (a commit)"]),
    ],
)  # fmt: skip
def test_each_setting_that_is_missing_is_named(
    tmp_path: Path, settings: dict[str, object], missing: list[str]
) -> None:
    model = Model(name="phi", model_id=PHI, **settings)  # type: ignore[arg-type]
    assert list(find_missing_settings(model, Runtime(tmp_path / "cache"))) == missing


def test_packages_that_its_interpreter_lacks_are_named(tmp_path: Path) -> None:
    packages = ("transformers", "accelerate", "torch", "pillow", "numpy", "requests")
    python = write_interpreter(tmp_path / "env", *packages)
    model = Model(
        name="phi",
        model_id=PHI,
        python=python,
        trust_remote_code=True,
        revision=COMMIT,
        attn_implementation="eager",
    )
    runtime = Runtime(tmp_path / "cache")
    assert list(find_missing_settings(model, runtime)) == [f"torchvision in {python}"]
    write_interpreter(tmp_path / "env", "torchvision")
    assert list(find_missing_settings(model, runtime)) == []


def test_a_run_says_it_with_what_to_type(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path / "cache")
    (warning,) = Transformers.find_warnings(Model(name="phi", model_id=PHI), runtime)
    assert in_english(warning) == (
        "phi: still lacks python, trust_remote_code: true, revision (a commit), "
        "attn_implementation: eager; scripts/vlm-lab models env phi prints what to type"
    )
    assert Transformers.find_warnings(Model(name="qwen", model_id="a/b"), runtime) == []
