"""The configuration of the config ``pointing``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class PointingOptions:
    """The options of config ``pointing``."""

    HEADING: ClassVar[str] = "config pointing: where is it?"

    pointing: Annotated[Literal["point", "box", "tokens", "json", "words"] | None, Usage("FORM")] = None
    """write it, in a form: point (<point x y>, 0-100), box (<box>, 0-1000), tokens (<|box_start|>), json, or words"""
    pointing_shape: Literal["point", "box"] = "point"
    """what json asks for"""
    pointing_model_type: Annotated[str, Usage("TYPE")] = "qwen3_vl"
    """whose numbers json writes: qwen2_vl, qwen2_5_vl, qwen3_vl"""
    pointing_grid: Annotated[str | None, Usage("FACTOR,MIN,MAX")] = None
    """patch x merge and the pixel limits of its processor (qwen2_5_vl needs them: 28,3136,1003520)"""
    pointing_types: Annotated[
        tuple[Literal["instrument", "anatomy"], ...], Usage("TYPE", default_text="both")
    ] = ()
    """ask where these are: instrument, anatomy"""
    pointing_spread: Annotated[float | None, Usage("R")] = None
    """also write positions as points: their middle moved by up to R of the frame, declared in noise_floor"""
    pointing_negatives: Annotated[float, Usage("R")] = 0.25
    """questions for what isn't there, per question for what is"""
    pointing_per_case: Annotated[int | None, Usage("N", default_text="all")] = None
    """at most N positive rows of a case"""
    pointing_decimals: Annotated[int | None, Usage("N", default_text="as many as half a pixel needs")] = None
    """of written numbers"""
