"""Flags that exports hold beside shapes: a thing out of view, a picture that nobody looked at.

Without it, a deleted box counts as a thing in view, and a picture that nobody has annotated as one that shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from surgvqa.builders.files.tables import letters
from surgvqa.cards.command import InputError

# Letters alone: "is_deleted" is found as "isdeleted".
ABSENT_KEYS = frozenset(("deleted", "isdeleted", "removed", "outside", "absent", "disabled", "outofview", "notvisible", "invisible"))  # fmt: skip
VISIBLE_KEYS = frozenset(("visible", "isvisible", "present", "ispresent", "inview", "enabled", "exists"))
ANNOTATED_KEYS = frozenset(("annotated", "isannotated", "labeled", "labelled", "islabeled", "islabelled"))
SKIPPED_KEYS = frozenset(("skipped", "skip", "ignored", "ignore", "archived", "unlabeled", "unlabelled_tools", "unannotated", "notannotated", "todo", "pending", "deleted", "isdeleted", "wascancelled", "error", "errors", "failed", "exception"))  # fmt: skip
UNDONE = frozenset(("new", "annotate", "annotating", "archived", "pending", "todo", "unannotated", "unlabeled", "unlabelled_tools", "notstarted", "inprogress", "failed", "skipped", "error", "deleted"))  # fmt: skip
NO = ("0", "0.0", "false", "no", "n", "none", "")
YES = ("1", "1.0", "true", "yes", "y")


def is_yes(value: object) -> bool:
    """Whether a value says yes.

    >>> is_yes("True"), is_yes(1.0), is_yes("partly"), is_yes(False)
    (True, True, False, False)
    """
    return str(value).strip().lower() in YES


def is_no(value: object) -> bool:
    """Whether a value says no; None says nothing."""
    return value is not None and str(value).strip().lower() in NO


def flag(value: object, name: str) -> bool:
    """Return a flag that is yes or no; nothing is no. Raises ``InputError`` for anything else."""
    if value is None or is_no(value):
        return False
    if not is_yes(value):
        raise InputError(f"its {name} is {value!r}; 0 or 1 are due")
    return True


def refuse_gone(flags: object) -> None:
    """Refuse a thing that its own flags or attributes call deleted, or not in view.

    >>> refuse_gone({"deleted": False, "visible": "partly", "occluded": True})
    """
    if not isinstance(flags, Mapping):
        return
    for key, value in flags.items():
        word = letters(str(key))
        if (word in ABSENT_KEYS and is_yes(value)) or (word in VISIBLE_KEYS and is_no(value)):
            raise InputError(
                f"its {key} is {value!r}, so whether it is in view is in doubt; delete the thing, or its {key}"
            )


def not_looked_at(picture: Mapping[str, object]) -> str | None:
    """Say why a picture without things need not be empty; None where nothing speaks against it.

    >>> not_looked_at({"annotated": False}), not_looked_at({"annotated": True, "error": None})
    ('left out: its annotated is False, so nobody may have looked at it', None)
    """
    for key, value in picture.items():
        word = letters(str(key))
        is_skipped = (
            word in SKIPPED_KEYS and value is not None and not is_no(value) and value != [] and value != {}
        )
        undone = word in ("status", "state") and isinstance(value, str) and letters(value) in UNDONE
        if is_skipped or undone or (word in ANNOTATED_KEYS and is_no(value)):
            return f"left out: its {key} is {value!r}, so nobody may have looked at it"
    return None
