"""What each verb of ``surgvqa-card`` takes and does; heavy imports happen inside."""

__all__ = ["audit", "dataset", "model", "push", "sign"]
