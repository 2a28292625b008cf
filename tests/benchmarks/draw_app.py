"""Take a picture of the running app, for the documentation.

python tests/benchmarks/draw_app.py http://127.0.0.1:7860 docs/pictures/app.png --clip lap05@6000-12001
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright


def main() -> None:
    """Open the page at 1440x900, wait until all is there, and write a small PNG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--clip", default="")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--dark", action="store_true")
    asked = parser.parse_args()
    with sync_playwright() as one:
        browser = one.chromium.launch(executable_path=asked.chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            viewport={"width": 1440, "height": 900}, color_scheme="dark" if asked.dark else "light"
        )
        page.goto(f"{asked.url}/?clip={asked.clip}", timeout=120_000)
        page.wait_for_selector("#timeline .phases button", timeout=120_000)
        page.wait_for_timeout(3000)  # pictures of the strip
        shot = Image.open(io.BytesIO(page.screenshot()))
        shot.convert("P", palette=Image.Palette.ADAPTIVE, colors=192).save(asked.out, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
