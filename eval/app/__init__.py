"""The app: look at a clip, ask, and follow a running video."""

__all__ = ["clip_html", "demo", "events", "listener", "live_stream", "session", "shown_clip"]
