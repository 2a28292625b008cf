"""Ask models, score their answers, and measure what a score is worth: ``surgvqa-eval``."""
