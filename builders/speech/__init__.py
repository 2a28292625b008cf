"""Questions as sound: recordings read, speech made, the config `spoken`."""

__all__ = ["sound", "spoken", "voices"]
