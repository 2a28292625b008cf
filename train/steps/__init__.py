"""What a training step needs: options, the optimiser, the tokens that are taught, several processes."""

__all__ = ["answer_head", "distributed", "labels", "muon", "optimizer", "options", "refused_options"]
