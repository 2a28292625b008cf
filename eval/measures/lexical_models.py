"""METEOR by NLTK, which needs WordNet's files, and BERTScore by its own library, which needs a model's weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from surgvqa.cards.command import InputError

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

References = Sequence[Sequence[str]]


def meteor(
    predictions: Sequence[str], references: References, wordnet: WordNetCorpusReader | None = None
) -> float:
    """Return the mean of NLTK's METEOR, times 100: its words between blanks, the best right answer.

    Raises:
        InputError: WordNet's files aren't there.
    """
    try:
        from nltk.corpus import wordnet as installed
        from nltk.translate.meteor_score import meteor_score
    except ImportError:
        raise InputError("meteor: NLTK isn't here: pip install 'surgvqa[text]'") from None
    if wordnet is None:
        try:
            installed.ensure_loaded()
        except LookupError:
            raise InputError(
                "meteor: WordNet's files aren't here (no package brings them): python -m nltk.downloader wordnet"
            ) from None
        wordnet = installed
    scores = [
        meteor_score([one.split() for one in own], reply.split(), wordnet=wordnet)
        for reply, own in zip(predictions, references, strict=True)
    ]
    return 100 * sum(scores) / len(scores)


def bert_score(predictions: Sequence[str], references: References, folder: str) -> float:
    """Return the mean of BERTScore's F1, times 100, by the model in a folder: its last layer, no rescaling.

    Raises:
        InputError: no folder with a model, or the library isn't there.
    """
    if not folder or not (Path(folder) / "config.json").is_file():
        raise InputError(
            f"bertscore: {folder or 'no folder'}: no model's weights are there; give a folder that holds some, as bertscore:roberta-large"
        )
    try:
        from bert_score import BERTScorer
    except ImportError:
        raise InputError("bertscore: its library isn't here: pip install bert-score") from None
    from transformers import AutoConfig

    layers = AutoConfig.from_pretrained(folder).num_hidden_layers
    scorer = BERTScorer(model_type=folder, num_layers=layers, device="cpu")
    scores = scorer.score(list(predictions), [list(own) for own in references])[2]
    return 100 * float(scores.mean())
