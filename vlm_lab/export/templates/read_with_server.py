"""Prints what the model reads on one invoice: python read_invoice.py INVOICE.pdf"""

import argparse
import base64
import io
import json
import os
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

FOLDER = Path(__file__).resolve().parent
PROMPT_VALUE = "{{ prompt }}"  # of a variable of the chat template: the prompt belongs there
sys.path.insert(0, str(FOLDER))  # pages.py, under `python -I`, too


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("invoice", type=Path, metavar="INVOICE", help="a PDF or a picture")
    invoice = parser.parse_args().invoice
    if not invoice.is_file():
        parser.error(f"{invoice}: no such file")
    settings = json.loads((FOLDER / "settings.json").read_text("utf-8"))
    if settings["api_key_env"] and settings["api_key_env"] not in os.environ:
        parser.error(f"set {settings['api_key_env']} to the server's key")
    try:
        for reply in read(invoice, settings):
            print(reply)
    except HTTPError as error:
        details = error.read(500).decode(errors="replace")
        sys.exit(f"{error.url}: {error.code} {error.reason}: {details}")
    except URLError as error:
        sys.exit(f"{settings['base_url']} in settings.json: {error.reason}")


def read(invoice, settings):
    """The reply to the invoice; of a model that is asked page by page one for each."""
    from pages import render_pages

    pages = render_pages(invoice, settings["pages"], settings["dpi"])
    for images in [[page] for page in pages] if settings["page_by_page"] else [pages]:
        yield generate(images, settings)


def generate(images, settings):
    content = [build_image_part(image, settings["image"]) for image in images]
    prompt = (FOLDER / "prompt.txt").read_text("utf-8")
    body = dict(settings["body"])
    variables = body.get("chat_template_kwargs") or {}
    if PROMPT_VALUE in variables.values():
        body["chat_template_kwargs"] = {
            name: prompt if value == PROMPT_VALUE else value for name, value in variables.items()
        }
    else:
        content.append({"type": "text", "text": prompt})
    body["messages"] = [{"role": "user", "content": content}]
    base_url = settings["base_url"].rstrip("/")
    try:
        return post(f"{base_url}/chat/completions", body, settings)
    except HTTPError as error:
        if error.code != 404 or base_url.endswith("/v1"):
            raise
    return post(f"{base_url}/v1/chat/completions", body, settings)


def build_image_part(image, image_format):
    buffer = io.BytesIO()
    image.save(buffer, image_format, quality=95, subsampling=0)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    url = f"data:image/{image_format};base64,{encoded}"
    return {"type": "image_url", "image_url": {"url": url}}


def post(url, body, settings):
    headers = {"Content-Type": "application/json"}
    if settings["api_key_env"]:
        headers["Authorization"] = f"Bearer {os.environ[settings['api_key_env']]}"
    request = Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    with urlopen(request, timeout=settings["timeout"]) as reply:  # noqa: S310
        return json.load(reply)["choices"][0]["message"]["content"]


if __name__ == "__main__":
    main()
