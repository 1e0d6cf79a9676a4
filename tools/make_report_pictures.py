"""Draws the pictures of a report that README and docs show: a run over the samples, opened in
Chromium.

The OCR baseline is real; the candidates called example-* replay the references with made-up
mistakes and made-up seconds, so that there is something to compare on any machine.

python tools/make_report_pictures.py            docs/pictures/*.png, in about a minute
"""

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from playwright.sync_api import sync_playwright

from training.synthetic.replies import make_reply, seeded
from vlm_lab.suite import load_documents, load_suite

PROJECT = Path(__file__).parents[1]
CHROMIUM = "/usr/bin/chromium"
# name and prompts: share of values that are misread, seconds a document
EXAMPLES = {
    "example-large": {"default": (0.01, 2.4), "terse": (0.03, 1.6)},
    "example-small": {"default": (0.1, 0.7)},
}
SHOTS: dict[str, dict[str, Any]] = {
    "report-summary": {"size": (1280, 1020), "fragment": ""},
    "report-document": {"size": (1400, 760), "fragment": "#doc=&outcome=errors"},
    "report-phone": {
        "size": (390, 700),
        "fragment": "#doc=&outcome=errors",
        "scheme": "dark",
        "to": ".answers",
    },
    "report-confidence": {
        "size": (820, 760),
        "fragment": "#evidence=",
        "only": "figure:has-text('Risk and coverage by signals') svg",
    },
}


def main(folder: Path) -> None:
    """Runs the samples, then draws one PNG a view."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        command = [
            "pytest",
            "benchmarks",
            "-q",
            "--models-file",
            str(models(place)),
            "--output-dir",
            str(place / "runs"),
        ]
        subprocess.run([sys.executable, "-m", *command], cwd=PROJECT, check=True)
        (run,) = filter(Path.is_dir, (place / "runs").iterdir())
        pictures(run, folder)


def models(place: Path) -> Path:
    """A models file: the OCR baseline, and the examples with their replies."""
    candidates: list[dict[str, Any]] = [{"name": "ocr", "model_id": "rapidocr", "backend": "ocr"}]
    documents, _ = load_documents(load_suite(PROJECT / "benchmarks" / "invoices"))
    for name, prompts in EXAMPLES.items():
        lines = [
            json.dumps(
                make_reply(
                    document.id,
                    prompt,
                    document.reference,
                    *made,
                    seeded(name, prompt, document.id),
                )
            )
            for prompt, made in prompts.items()
            for document in documents
        ]
        (place / f"{name}.jsonl").write_text("\n".join(lines))
        path = str(place / f"{name}.jsonl")
        candidates.append(
            {"name": name, "model_id": path, "backend": "replay", "prompts": list(prompts)}
        )
    terse = {"terse": {"text": "Return the document's data as one JSON object. {{ schema }}"}}
    (place / "models.yaml").write_text(yaml.safe_dump({"prompts": terse, "models": candidates}))
    return place / "models.yaml"


def pictures(run: Path, folder: Path) -> None:
    """The views, as people see them."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, shot in SHOTS.items():
            width, height = shot["size"]
            scheme = shot.get("scheme", "light")
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page.goto((run / "report.html").resolve().as_uri() + shot["fragment"])
            page.wait_for_load_state("load")
            if "to" in shot:
                page.locator(shot["to"]).evaluate("node => node.scrollIntoView()")
            shown = page.locator(shot["only"]) if "only" in shot else page
            picture = Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
            picture.save(folder / f"{name}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main(PROJECT / "docs" / "pictures")
