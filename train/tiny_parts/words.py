"""The tokenizer of tiny checkpoints: a byte-level BPE over surgical words, with the special tokens of Qwen-VL."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

# The special tokens of the Qwen-VL family, in the order of its tokenizer.
SPECIALS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]

# How Qwen splits text before byte-pair encoding (tokenizer.json of Qwen2.5-VL).
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)

# What the vocabulary is learned from, so that a surgical word is one or two tokens.
WORDS = """
Which phase of the operation is shown? What surgical phase is this clip from? The phase is
What anatomy is visible? Which anatomical structures can be seen? The visible structures are
Which instruments are in view? What tools are being used? The instruments are No instrument is visible.
Where is the relative to the? It is left of, right of, above, below, inside, surrounds, overlaps, near
In which part of the frame is the? It lies in the top-left, top-center, top-right, center-left, center,
center-right, bottom-left, bottom-center, bottom-right of the image. upper lower middle left right
Which phase came before this one? Which phase comes next? The previous phase was. The next phase is. None
Did any instrument enter the view since the last frame? Did any leave? has entered has left the view. entered:
exited: Yes, No, nothing Is the visible in this clip? How many instruments are there? zero one two three four
In which direction does the tip move? It moves up down left right stays still stationary. towards away from
cataract pituitary cholecystectomy colonoscopy surgery operation procedure clip frame video image
idle incision viscoelastic capsulorhexis hydrodissection phacoemulsification irrigation aspiration capsule
polishing lens implantation positioning viscoelastic suction anterior chamber flushing tonifying antibiotics
yes no none count place side visible moves current currently we shown seen same at field picture part cell grid
irrigation/aspiration tonifying/antibiotics top-center middle-left middle-right bottom-center above below inside around same
pupil iris cornea lens eyelid intraocular instrument needle spatula forceps cannula keratome knife incision
capsulorhexis cystotome phacoemulsification tip irrigation-aspiration katana lens injector hook slit gauge
grasper bipolar scissors clipper irrigator specimen bag suction retractor dura freer elevator curette drill
kerrison rongeur gallbladder liver cystic duct artery calot triangle dissection clipping cutting packaging
cleaning coagulation retraction preparation polyp snare mucosa lumen nasal septum sphenoid sellotomy
red green blue yellow white black grey colour what which is are the a an of in on at to and or not it its this
Point to the in this image. Answer as <point x="X" y="Y">name</point> with X and Y from 0 to 100, or "not visible".
<point x="1" y="2" alt="slit knife">slit knife</point> katena gauge cystotome forceps
""".strip()


def byte_pairs() -> Tokenizer:
    """Return a byte-level BPE of Qwen's kind over the words of surgical question answering."""
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1500, initial_alphabet=alphabet, show_progress=False)
    words = WORDS.split()  # an answer begins without a space: each word as one token either way
    word_forms = [*words, *(f" {word}" for word in words)]
    bpe.train_from_iterator(
        [WORDS, *word_forms, "system\nuser\nassistant\nYou are a helpful assistant."], trainer
    )
    return bpe


def tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer of the Qwen-VL family."""
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_pairs(),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=SPECIALS,
        model_max_length=32768,
    )
