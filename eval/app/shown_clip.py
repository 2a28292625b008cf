"""Show a row of the config ``clips`` in a notebook: frames, questions, answers."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import Any

from surgvqa.eval.data.streams import picture

WIDTH = 200  # pixels of a frame
STYLE = "margin:0 4px 4px 0;display:inline-block;font:12px sans-serif;text-align:center"


class ShownClip:
    """A clip that a notebook draws, and a terminal lists."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row

    def __repr__(self) -> str:
        """List the clip's questions with their answers."""
        lines = [f"{self.row['clip_id']}, {len(self.row.get('images') or ())} frames"]
        return "\n".join(
            [*lines, *(f"  {one['question']} -> {one['short_answer']}" for one in self.row["qa"])]
        )

    def _repr_html_(self) -> str:
        """Draw the frames with their seconds, and a table of the questions."""
        pictures = [bytes_of(image) for image in self.row.get("images") or ()]
        times = list(self.row.get("frame_times_s") or ())
        figures = "".join(
            f'<figure style="{STYLE}"><img width="{WIDTH}" src="{uri(data)}"><figcaption>{f"{times[at]:.2f} s" if at < len(times) else ""}'
            "</figcaption></figure>"
            for at, data in enumerate(pictures)
        )
        rows = "".join(
            f"<tr><td>{escape(one['kind'])}</td><td>{escape(one['question'])}</td>"
            f"<td><b>{escape(one['short_answer'])}</b></td></tr>"
            for one in self.row["qa"]
        )
        title = escape(f"{self.row['clip_id']} · {self.row.get('phase') or 'phase unknown'}")
        head = "<tr><th>kind</th><th>question</th><th>answer</th></tr>"
        return f"<h4>{title}</h4><div>{figures or 'no frames in this row'}</div><table>{head}{rows}</table>"


def bytes_of(image: Any) -> bytes:
    """Return a picture's bytes, of a row that is decoded or not."""
    if isinstance(image, Mapping):
        return picture(dict(image))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def uri(data: bytes) -> str:
    """Return a picture's bytes as a data URI."""
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
