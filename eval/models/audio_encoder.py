"""From a recording to the tokens that stand for it, and to what a model's Whisper encoder is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from surgvqa.builders.speech.sound import RATE, Samples
from surgvqa.cards.command import InputError
from surgvqa.eval.models.audio_graft import AUDIO_PAD, insert_sound, listen, token_count
from torch import Tensor
from transformers import PreTrainedTokenizerBase, WhisperFeatureExtractor


class Ears:
    """Ears of a model that hears.

    Args:
        extractor: of the model's Whisper.
        pool: encoder frames per token, ``model.config.audio_pool``.
        tokenizer: of the model.
        read: the samples that an entry of a row's ``sounds`` stands for.
        length: how many there are, where that is cheaper to know.
    """

    def __init__(
        self,
        extractor: WhisperFeatureExtractor,
        pool: int,
        tokenizer: PreTrainedTokenizerBase,
        read: Callable[[int], Samples],
        length: Callable[[int], int] | None = None,
    ) -> None:
        self.extractor, self.pool, self.tokenizer, self.read = extractor, pool, tokenizer, read
        self.length = length or (lambda place: len(read(place)))
        self.pad_id: int = tokenizer.convert_tokens_to_ids(AUDIO_PAD)

    def tokens(self, samples: int) -> int:
        """Return the number of tokens that a sound of so many samples takes.

        Raises:
            InputError: none, or more than the encoder's window.
        """
        longest = self.extractor.n_samples
        if not 0 < samples <= longest:
            raise InputError(f"a sound of {samples / RATE:.1f} s; the model hears up to {longest / RATE:g} s")
        return token_count(samples, self.pool)

    def put(self, ids: Sequence[int], samples: int) -> list[int]:
        """Token ids with places for a sound of so many samples in the last question."""
        return insert_sound(ids, self.tokens(samples), self.tokenizer)

    def features(self, sounds: Sequence[Samples]) -> dict[str, Tensor]:
        """``input_features`` and ``audio_frames`` of sounds, in the order in which they stand."""
        return listen(self.extractor, sounds)
