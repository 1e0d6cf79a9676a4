"""A candidate, one of its prompts, and documents -> their cases, with those that read the pages for
the prompt. May be sent to another process, which then builds the same cases."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vlm_lab.run.readings import build_reading
from vlm_lab.types import Case, Document, Model


@dataclass(frozen=True, slots=True)
class CaseBuilder:
    """`models` are those of models.yaml as they are written, among which readers are looked for;
    `templates` are all prompts, by their ids."""

    model: Model
    prompt_id: str
    models: tuple[Model, ...] = field(repr=False)
    templates: Mapping[str, str] = field(repr=False)

    @property
    def template(self) -> str:
        """The prompt's own text."""
        return self.templates[self.prompt_id]

    def build_case(self, document: Document) -> Case:
        """The case of one document."""
        reading = build_reading(self.model, self.template, document, self.models, self.templates)
        return Case(self.model, self.prompt_id, self.template, document, reading)
