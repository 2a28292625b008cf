"""``surgvqa-build mix``: one data set out of several."""

from __future__ import annotations

from surgvqa.builders.settings.mix import Mix


def run(config: Mix) -> None:
    """Write the data set, and say what is in it and what it may be used for."""
    from surgvqa.builders.mixing.mix import mix

    manifest = mix(config)
    for split, counts in manifest["counts"].items():
        print(f"{split}: {counts['cases']} cases, {counts['clips']} clips, {counts['qa']} questions")
    print(f"licence: {manifest['source']['licence']}")
    print(f"{config.out} is ready")
