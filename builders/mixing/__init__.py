"""One data set out of several: whose operations may train, what the whole may be used for, how often each is drawn."""

__all__ = ["licences", "mix", "people", "write"]
