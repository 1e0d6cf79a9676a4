"""Prints what the model reads on one invoice: python read_invoice.py INVOICE.pdf"""

import base64
import io
import json
import os
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from pages import render_pages

folder = Path(__file__).parent
settings = json.loads((folder / "settings.json").read_text("utf-8"))
prompt = (folder / "prompt.txt").read_text("utf-8")
headers = {"Content-Type": "application/json"}
if settings["api_key_env"]:
    headers["Authorization"] = f"Bearer {os.environ[settings['api_key_env']]}"

page_images = render_pages(Path(sys.argv[1]), settings["pages"], settings["dpi"])
for images in [[page] for page in page_images] if settings["page_by_page"] else [page_images]:
    content = []
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, settings["image"], quality=95, subsampling=0)
        encoded = base64.b64encode(buffer.getvalue()).decode()
        url = f"data:image/{settings['image']};base64,{encoded}"
        content.append({"type": "image_url", "image_url": {"url": url}})
    content.append({"type": "text", "text": prompt})
    body = {"messages": [{"role": "user", "content": content}], **settings["body"]}
    url = f"{settings['base_url'].rstrip('/')}/chat/completions"
    request = Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    with urlopen(request, timeout=settings["timeout"]) as reply:  # noqa: S310
        print(json.load(reply)["choices"][0]["message"]["content"])
