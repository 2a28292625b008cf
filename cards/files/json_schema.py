"""JSON Schemas of the documents we write, from their types: for the documentation, and to hold files against."""

from __future__ import annotations

from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(document: type) -> dict[str, object]:
    """Return the JSON Schema of a TypedDict or a dataclass; docstrings below its fields become descriptions.

    >>> from surgvqa.cards.files.documents import Shard
    >>> json_schema(Shard)["properties"]["bytes"]
    {'description': 'its size', 'title': 'Bytes', 'type': 'integer'}
    """
    schema: dict[str, Any] = _adapter(document).json_schema()
    own = schema["$defs"].pop(document.__name__)
    return {"$schema": DIALECT, **own, **({"$defs": schema["$defs"]} if schema["$defs"] else {})}


def faults(document: type, value: object) -> list[str]:
    """List what of a value read from JSON does not fit its type, keys that the type lacks included.

    >>> from surgvqa.cards.files.documents import Shard
    >>> faults(Shard, {"sha256": "00", "size": 3})
    ['bytes: Field required', 'size: Extra inputs are not permitted']
    """
    from pydantic import ValidationError

    try:
        _adapter(document).validate_python([value], strict=True)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()]
    return []


def _adapter(document: type) -> Any:
    """Return pydantic's adapter of a list of documents: of the type alone it takes no configuration."""
    from pydantic import ConfigDict, TypeAdapter  # a fifth of a second

    return TypeAdapter(list[document], config=ConfigDict(use_attribute_docstrings=True, extra="forbid"))  # type: ignore[valid-type]


def key_table(document: type) -> str:
    """Return the keys of a document and of the documents inside it as Markdown tables, one table per type."""
    schema: Any = json_schema(document)
    inside = schema.get("$defs", {})
    parts = [_table(schema)]
    parts += [
        f"\n**{name}**: {one.get('description', '').splitlines()[0]}\n\n{_table(one)}"
        for name, one in inside.items()
    ]
    return "".join(parts)


def _table(schema: Any) -> str:
    required_keys = set(schema.get("required", ()))
    lines = ["| key | type | meaning |\n|---|---|---|\n"]
    for key, field in schema["properties"].items():
        always = "" if key in required_keys else " (not always there)"
        meaning = field.get("description", "").strip().replace("|", "\\|")
        lines.append(f"| `{key}` | {_kind(field)} | {meaning}{always} |\n")
    return "".join(lines)


def _kind(field: Any) -> str:
    """Return the type of a field in a few words."""
    if "$ref" in field:
        return str(field["$ref"].rsplit("/", 1)[-1])
    if "anyOf" in field:
        return " or ".join(_kind(one) for one in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}" if field.get("items") else "list"
    if isinstance(field.get("additionalProperties"), dict):
        return f"object of {_kind(field['additionalProperties'])}"
    return str(field.get("type", "any"))
