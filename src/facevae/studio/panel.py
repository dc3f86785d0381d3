"""The controls of a model as sliders and choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from facevae.attributes import Attribute, Schema, Value
from facevae.studio.wording import Words

ANY = "any"
"""Value of a choice that leaves the control to the model."""
START = {"age": 35.0, "smile": 0.5}
"""Where the slider of a control that is not asked for stands."""
STEPS = {"age": 1.0, "smile": 0.05, "yaw": 0.02}


class Panel:
    """A slider for each number and a choice for each category of `schema`, in the present layout.

    optional: controls can be left to the model, and start so; a slider that is moved asks for its value.
    """

    def __init__(self, schema: Schema, words: Words, optional: bool, prefix: str) -> None:
        self.schema, self.words, self.optional, self.prefix = schema, words, optional, prefix
        self.inputs: list[Any] = []
        """One component per number or choice, and after a number, where it is optional, its box `any`."""
        self.moving: dict[str, Any] = {}
        """The component that is moved to change each control."""
        self.boxes: dict[str, Any] = {}
        for attribute in schema.attributes:
            self._add(attribute)

    def read(self, values: Sequence[Any], moved: str = "") -> dict[str, Value]:
        """What is asked for. values: of `inputs`. moved: a control that is asked for whatever its box."""
        rest, controls = list(values), {}
        for attribute in self.schema.attributes:
            value: Value = rest.pop(0)
            left_open = value in (None, ANY)
            if attribute.name in self.boxes:
                left_open = bool(rest.pop(0)) and attribute.name != moved
            if not left_open:
                controls[attribute.name] = value if attribute.categories else float(value or 0)
        return controls

    def show(self, controls: Mapping[str, Value]) -> list[Any]:
        """Values for `inputs` that show these controls."""
        values: list[Any] = []
        for attribute in self.schema.attributes:
            value = controls.get(attribute.name)
            if attribute.categories:
                values.append(ANY if value is None and self.optional else value)
                continue
            values.append(gr.skip() if value is None else value)
            if attribute.name in self.boxes:
                values.append(value is None)
        return values

    def _add(self, attribute: Attribute) -> None:
        name, label = attribute.name, self.words.control(attribute.name)
        elem_id = f"{self.prefix}-{name}"
        if attribute.categories:
            choices = [(self.words.category(category), category) for category in attribute.categories]
            if self.optional:
                choices.insert(0, (self.words("any"), ANY))
            value = ANY if self.optional else attribute.categories[0]
            self.moving[name] = gr.Radio(
                choices, value=value, label=label, elem_id=elem_id, elem_classes="fv-choice", interactive=True
            )
            self.inputs.append(self.moving[name])
            return
        with gr.Row(elem_classes="fv-number"):
            low, high = attribute.low, attribute.high
            self.moving[name] = gr.Slider(
                low, high, value=START.get(name, (low + high) / 2), step=STEPS.get(name, (high - low) / 50),
                label=label, elem_id=elem_id, interactive=True, buttons=[], scale=4, min_width=140,
            )  # fmt: skip
            self.inputs.append(self.moving[name])
            if self.optional:
                self.boxes[name] = gr.Checkbox(
                    True, label=self.words("any_of", name=label.lower()), elem_id=f"{elem_id}-any",
                    interactive=True, min_width=0, elem_classes="fv-any",
                )  # fmt: skip
                self.inputs.append(self.boxes[name])
