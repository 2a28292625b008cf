"""The configuration of every verb that has a function of its own: options, defaults and help, each written once."""

__all__ = ["build", "frames", "instruct", "interchange", "labels", "mix", "pointing", "privacy", "spoken"]
