"""Sources that say what each instrument does, picture by picture; :mod:`surgvqa.builders.sources` registers them."""

__all__ = ["grasp", "multibypass_t40", "psi_ava"]
