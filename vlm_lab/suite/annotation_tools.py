"""What annotation tools export -> (document, fields) pairs.

Label Studio's JSON (a task with `data` and `annotations`), COCO and Datumaro as CVAT writes them,
and CVAT's own XML. A label is a field's key, the text beside it its value; a label that comes
several times in a document is a list. Places on the page are left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

Annotated = tuple[str, dict[str, Any]]
TEXT_KEYS = ("text", "transcription", "value", "ocr", "content")
LABEL_STUDIO_VALUES = ("text", "choices", "taxonomy", "number", "datetime", "rating")
LABEL_STUDIO_LABELS = re.compile(r"\w*labels")


def convert_annotations(value: Any) -> list[Annotated] | None:
    """The documents of an export; None where it is none that we know."""
    if isinstance(value, list) and value and all(map(_is_label_studio_task, value)):
        return [pair for task in value for pair in _convert_label_studio_task(task)]
    if not isinstance(value, Mapping):
        return None
    if _is_label_studio_task(value):
        return list(_convert_label_studio_task(value))
    if all(isinstance(value.get(key), list) for key in ("images", "annotations", "categories")):
        return list(_convert_coco(value))
    if isinstance(value.get("items"), list) and isinstance(value.get("categories"), Mapping):
        return list(_convert_datumaro(value))
    return None


def parse_cvat_xml(text: str) -> dict[str, Any]:
    """CVAT's `<annotations><image name="d1.jpg">` as a map of names. ValueError where the XML is
    something else, or defines entities."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("XML with a DOCTYPE is not read")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 (no DOCTYPE, no entities)
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from None
    if root.tag != "annotations":
        raise ValueError(f"XML is read where CVAT wrote it, <annotations> (got <{root.tag[:40]}>)")
    return {
        image.get("name", ""): _collect_fields(_read_cvat_image(image))
        for image in root.iter("image")
    }


def _read_cvat_image(image: ElementTree.Element) -> Iterator[tuple[str, Any]]:
    for shape in image:
        attributes = {
            attribute.get("name", ""): attribute.text or "" for attribute in shape.iter("attribute")
        }
        is_tag = shape.tag == "tag"
        yield from _name_attributes(shape.get("label", ""), attributes, is_whole_page=is_tag)


def _name_attributes(
    label: str, attributes: Mapping[str, Any], is_whole_page: bool
) -> Iterator[tuple[str, Any]]:
    """A box's text under its label; attributes of a page's tag under their own names."""
    text_keys = [key for key in attributes if key.lower() in TEXT_KEYS]
    if text_keys or (len(attributes) == 1 and not is_whole_page):
        yield label, attributes[text_keys[0] if text_keys else next(iter(attributes))]
    elif is_whole_page:
        yield from attributes.items()


def _collect_fields(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values_by_label: dict[str, list[Any]] = {}
    for label, value in pairs:
        values_by_label.setdefault(label, []).append(value)
    return {
        label: values if len(values) > 1 else values[0] for label, values in values_by_label.items()
    }


def _is_label_studio_task(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("data"), Mapping):
        return False
    return isinstance(value.get("annotations", value.get("completions")), list)


def _convert_label_studio_task(task: Mapping[str, Any]) -> Iterator[Annotated]:
    """The last annotation that was not cancelled."""
    annotations = task.get("annotations", task.get("completions"))
    finished = [
        annotation
        for annotation in annotations or ()
        if isinstance(annotation, Mapping) and not annotation.get("was_cancelled")
    ]
    if not finished:
        return
    results = finished[-1].get("result")
    fields = _collect_fields(
        _read_label_studio_results(results if isinstance(results, list) else [])
    )
    for name in task["data"].values():
        if isinstance(name, str) and name and len(name) < 2000:
            yield name, fields


def _read_label_studio_results(results: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Results with one id are one region: its label, and the text typed for it."""
    labels: dict[Any, str] = {}
    texts: dict[Any, tuple[str, Any]] = {}
    for number, result in enumerate(results):
        value = result.get("value") if isinstance(result, Mapping) else None
        if not isinstance(value, Mapping):
            continue
        region = result.get("id") or number
        for key, content in value.items():
            if LABEL_STUDIO_LABELS.fullmatch(str(key)) and isinstance(content, list) and content:
                labels[region] = str(content[0])
            elif key in LABEL_STUDIO_VALUES:
                texts[region] = str(result.get("from_name", "")), _unwrap_one(content)
    for region, (field_name, text) in texts.items():
        yield labels.get(region, field_name), text


def _unwrap_one(content: Any) -> Any:
    while isinstance(content, list) and len(content) == 1:
        content = content[0]
    return content


def _convert_coco(value: Mapping[str, Any]) -> Iterator[Annotated]:
    names = {item.get("id"): item.get("name", "") for item in _mappings(value["categories"])}
    pairs_by_image: dict[Any, list[tuple[str, Any]]] = {}
    for annotation in _mappings(value["annotations"]):
        attributes = annotation.get("attributes")
        attributes = attributes if isinstance(attributes, Mapping) else annotation
        texts = [attributes[key] for key in TEXT_KEYS if key in attributes]
        label = str(names.get(_as_key(annotation.get("category_id")), ""))
        pairs = pairs_by_image.setdefault(_as_key(annotation.get("image_id")), [])
        pairs += [(label, text) for text in texts[:1]]
    for image in _mappings(value["images"]):
        fields = _collect_fields(pairs_by_image.get(_as_key(image.get("id")), ()))
        yield str(image.get("file_name", "")), fields


def _convert_datumaro(value: Mapping[str, Any]) -> Iterator[Annotated]:
    categories = value["categories"].get("label")
    labels = categories.get("labels", []) if isinstance(categories, Mapping) else []
    names = [str(label.get("name", "")) for label in _mappings(labels)]
    for item in _mappings(value["items"]):
        pairs: list[tuple[str, Any]] = []
        for annotation in _mappings(item.get("annotations")):
            label_id, attributes = annotation.get("label_id"), annotation.get("attributes")
            label = ""
            if isinstance(label_id, int) and 0 <= label_id < len(names):
                label = names[label_id]
            if isinstance(attributes, Mapping):
                is_whole_page = annotation.get("type") == "label"
                pairs += _name_attributes(label, attributes, is_whole_page=is_whole_page)
        image = item.get("image")
        path = image.get("path") if isinstance(image, Mapping) else None
        yield str(path or item.get("id", "")), _collect_fields(pairs)


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values or () if isinstance(value, Mapping)]


def _as_key(value: Any) -> Any:
    return value if isinstance(value, int | str) else None
