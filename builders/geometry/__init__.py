"""Places in a picture: coordinates, masks, and coordinates written as text."""

__all__ = ["checks", "coordinate_text", "coordinates", "elsewhere", "instrument_tip", "masks", "regions"]
