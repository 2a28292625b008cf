"""Label Studio's brush: run lengths of bits, as its front end packs an RGBA picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from surgvqa.cards.command import InputError

CHANNELS = 4  # red, green, blue, alpha; a brushed pixel has an alpha above 0
LARGEST = 2**27  # pixels; what unpacking takes is four bytes each


def decode(packed_bytes: Sequence[int], width: int, height: int) -> np.ndarray:
    """Return the brushed pixels as a boolean height x width array.

    The code: 32 bits of how many values, 5 of a value's bits less one, four times 4 of how many bits a count has less
    one; then blocks of a bit (1: one value, repeated), two that choose the count's bits, the count less one, and the
    value or values.

    Raises:
        InputError: it isn't that code, or its picture is of another size.
    """
    if width * height > LARGEST:
        raise InputError(f"a brush on {width}x{height} pixels; up to {LARGEST} pixels are read")
    data = np.asarray(packed_bytes)
    if data.ndim != 1 or data.dtype.kind not in "iu" or not ((data >= 0) & (data < 256)).all():
        raise InputError("its brush is no list of bytes")
    bits = _Bits(np.unpackbits(data.astype(np.uint8)))
    count, size = bits.number(32), bits.number(5) + 1
    if count != width * height * CHANNELS:
        raise InputError(
            f"its brush unpacks to {count} values; a {width}x{height} picture has {width * height * CHANNELS}"
        )
    lengths = [bits.number(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint32)
    at = 0
    while at < count:
        is_run = bits.number(1)
        end = at + bits.number(lengths[bits.number(2)]) + 1
        if end > count:
            raise InputError("its brush holds more values than it says")
        values[at:end] = bits.numbers(1, size) if is_run else bits.numbers(end - at, size)
        at = end
    mask: np.ndarray = values.reshape(height, width, CHANNELS)[:, :, 3] > 0
    return mask


class _Bits:
    """Bits that are read from front to back."""

    def __init__(self, bits: np.ndarray) -> None:
        self.bits, self.at = bits, 0

    def numbers(self, count: int, size: int) -> np.ndarray:
        """Return the next ``count`` numbers of ``size`` bits each."""
        end = self.at + count * size
        if end > len(self.bits):
            raise InputError("its brush breaks off")
        bit_rows = self.bits[self.at : end].reshape(count, size)
        self.at = end
        whole: np.ndarray = bit_rows @ (1 << np.arange(size - 1, -1, -1, dtype=np.int64))
        return whole

    def number(self, size: int) -> int:
        """Return the next number."""
        return int(self.numbers(1, size)[0])
