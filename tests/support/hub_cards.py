"""What the Hub checks in the metadata at the top of a README.md, as far as its documentation says."""

from __future__ import annotations

import re
from typing import Any

import yaml

# https://huggingface.co/docs/hub/repositories-licenses, the identifiers our sources could use
LICENCES = {
    "apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0",
    "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-3.0", "cc-by-sa-3.0", "cc-by-nc-3.0", "cc-by-nc-sa-3.0",
    "odbl", "unknown", "other",
}  # fmt: skip
SIZES = {"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M"}
# https://github.com/huggingface/huggingface.js/blob/main/packages/tasks/src/pipelines.ts
TASKS = {
    "visual-question-answering",
    "video-text-to-text",
    "image-text-to-text",
    "video-classification",
    "other",
}
LIBRARIES = {"datasets", "peft", "transformers", "trl", "other"}


def front_matter(text: str) -> dict[str, Any]:
    """The YAML between the two lines of dashes at the top of a card; {} where there is none."""
    match = re.match(r"\A---\r?\n(.*?)\r?\n---\r?\n", text, re.DOTALL)
    data = yaml.safe_load(match[1]) if match else None
    return data if isinstance(data, dict) else {}


def card_faults(text: str, kind: str) -> list[str]:
    """Why the Hub would refuse this card; nothing when it is valid."""
    try:
        data = front_matter(text)
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    faults = []
    licence = data.get("license")
    for name in licence if isinstance(licence, list) else [licence]:
        if name is not None and name not in LICENCES:
            faults.append(f'"license" must be one of {sorted(LICENCES)}, is {name!r}')
    if licence == "other" and not re.fullmatch(r"[a-z0-9-.]+", str(data.get("license_name", ""))):
        faults.append('"license: other" needs a "license_name" of lower case letters, digits, - and .')
    tags = data.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        faults.append('"tags" must be an array of strings')
    languages = data.get("language", [])
    for language in languages if isinstance(languages, list) else [languages]:
        if not re.fullmatch(r"[a-z]{2,3}|code|multilingual", str(language)):
            faults.append(f'"language" must be an ISO 639 code, is {language!r}')
    return faults + (dataset_faults(data) if kind == "dataset" else model_faults(data))


def dataset_faults(data: dict[str, Any]) -> list[str]:
    faults = []
    for size in data.get("size_categories", []):
        if size not in SIZES:
            faults.append(f'"size_categories": unknown {size!r}')
    for task in data.get("task_categories", []):
        if task not in TASKS:
            faults.append(f'"task_categories": unknown {task!r}')
    names = []
    for config in data.get("configs", []):
        names.append(config.get("config_name"))
        if not isinstance(config.get("config_name"), str):
            faults.append('"configs": each needs a "config_name"')
        for row in config.get("data_files", []):
            if set(row) != {"split", "path"} or not re.fullmatch(r"\w+(\.\w+)*", str(row.get("split"))):
                faults.append(f'"configs": data_files needs split and path, has {row}')
    if len(set(names)) != len(names) or sum(bool(c.get("default")) for c in data.get("configs", [])) > 1:
        faults.append('"configs": two configs of one name, or two defaults')
    return faults


def model_faults(data: dict[str, Any]) -> list[str]:
    faults = []
    if data.get("pipeline_tag", "other") not in TASKS:
        faults.append(f'"pipeline_tag": unknown {data["pipeline_tag"]!r}')
    if data.get("library_name", "other") not in LIBRARIES:
        faults.append(f'"library_name": unknown {data["library_name"]!r}')
    bases = data.get("base_model", [])
    for base in bases if isinstance(bases, list) else [bases]:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+|[\w.-]+", str(base)) or str(base).startswith((".", "/")):
            faults.append(f'"base_model" must be a model of the Hub, is {base!r}')
    for model in data.get("model-index", []):
        for result in model["results"]:
            if not result["task"].get("type") or not {"name", "type"} <= set(result["dataset"]):
                faults.append('"model-index": a result needs task.type, dataset.name and dataset.type')
            for metric in result["metrics"]:
                if not metric.get("type") or not isinstance(metric.get("value"), int | float):
                    faults.append('"model-index": a metric needs a type and a number')
    return faults
