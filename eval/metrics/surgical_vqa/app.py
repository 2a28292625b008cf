"""The Space's page: paste a table as JSON lists, read the metric's result."""

from __future__ import annotations

import json
from pathlib import Path

import evaluate

if __name__ == "__main__":
    import gradio

    metric = evaluate.load(str(Path(__file__).parent / "surgical_vqa.py"))

    def compute(*columns: str) -> dict[str, object]:
        """Return the result for one JSON list per column."""
        arguments = dict(zip(metric.features, map(json.loads, columns), strict=True))
        return dict(metric.compute(**arguments))

    gradio.Interface(
        compute,
        inputs=[gradio.Textbox(label=f"{name}, a JSON list") for name in metric.features],
        outputs=gradio.JSON(label="result"),
        title=metric.name,
        description=metric.info.description,
        article=metric.info.inputs_description,
    ).launch()
