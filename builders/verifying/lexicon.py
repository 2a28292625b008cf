"""Words that a verifier of surgical text knows beside a procedure's own: what else one sees, claims, guesses.

`FOREIGN` are instruments, structures and events that procedures of this package don't name; with the shipped
procedures' vocabularies they are what a text may invent. The rest are word lists of `builders/instruct/sentence_reader.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


INSTRUMENTS = (
    "stapler", "needle holder", "needle driver", "needle", "trocar", "retractor", "clamp", "suture", "scalpel", "knife",
    "blade", "forceps", "tweezers", "drill", "saw", "laser", "ultrasound probe", "probe", "camera", "laparoscope",
    "harmonic scalpel", "ligasure", "vessel sealer", "energy device", "cautery", "monopolar", "suction", "aspirator",
    "clip", "gauze", "sponge", "swab", "drain", "mesh", "balloon", "catheter", "guidewire", "stent", "snare", "basket",
    "dissector", "maryland", "bag", "cannula", "chopper", "speculum", "hook", "spatula", "scissors", "grasper", "glove",
    "syringe", "curette", "rongeur", "implant", "screw", "electrode",
)  # fmt: skip
STRUCTURES = (
    "stomach", "spleen", "kidney", "ureter", "bladder", "urinary bladder", "uterus", "ovary", "fallopian tube", "appendix",
    "colon", "bowel", "intestine", "duodenum", "pancreas", "oesophagus", "esophagus", "diaphragm", "aorta", "vena cava",
    "portal vein", "hepatic artery", "hepatic duct", "bile duct", "common hepatic duct", "artery", "vein", "nerve", "vessel",
    "duct", "muscle", "bone", "rib", "lung", "heart", "trachea", "thyroid", "prostate", "rectum", "mesentery", "fat",
    "lymph node", "tumour", "tumor", "polyp", "lesion", "cyst", "abscess", "stone", "gallstone", "fascia", "skin", "retina",
    "sclera", "conjunctiva", "eyelid", "capsule", "posterior capsule", "anterior chamber", "nucleus", "cortex", "vitreous",
    "brain", "dura", "liver bed", "falciform ligament", "round ligament", "porta hepatis", "hilum", "rouviere's sulcus",
    "infundibulum", "fundus", "pedicle", "hernia", "wound", "scar",
)  # fmt: skip
EVENTS = (
    "bleeding", "haemorrhage", "hemorrhage", "blood", "smoke", "injury", "perforation", "spillage", "bile spillage", "leak",
    "leakage", "bile", "haematoma", "hematoma", "rupture", "tear", "burn", "infection", "inflammation", "necrosis", "oedema",
    "edema", "adhesions", "complication", "conversion", "hemostasis", "haemostasis",
)  # fmt: skip
FOREIGN: Mapping[str, tuple[str, ...]] = {"instrument": INSTRUMENTS, "anatomy": STRUCTURES, "event": EVENTS}

NUMBERS = {
    word: number
    for number, word in enumerate(
        (
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        )
    )
} | {"single": 1, "both": 2, "pair": 2, "several": -1, "many": -1, "multiple": -1, "dozen": 12, "half": -1}
GENERIC = {
    "instrument": "instrument", "tool": "instrument", "device": "instrument",
    "structure": "anatomy", "anatomy": "anatomy", "organ": "anatomy", "landmark": "anatomy",
}  # fmt: skip
AUXILIARY = _words("is are was were be been being has have had not yet now hasn't haven't isn't aren't the")
AFTER = _words("no without neither nor zero")  # negates what follows
WHOLE = _words("not never absent none nothing cannot can't isn't aren't wasn't hasn't haven't doesn't don't")
PRESENT = _words("visible view present seen see shown shows currently now here appears contains")
# What makes a sentence of a reasoning sample one about what is to come, or is usual, and not about the picture.
CUES = _words(
    "next before should must prepare prepared need needs needed usual usually require requires required continue until check "
    "checked confirm confirmed verify verified follow follows following ensure once after ready if needed then hold "
    "plan"
)
# In a sentence with one of these, an event is a condition and not a claim.
CONDITIONAL = _words(
    "should must until check confirm verify ensure once if need needs require requires required hold when whether"
)
FRAME = _words("frame image picture view field screen")
ROWS = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom", "middle": "middle", "mid": "middle", "center": "middle", "centre": "middle"}  # fmt: skip
COLUMNS = {"left": "left", "right": "right", "center": "center", "centre": "center", "middle": "center"}
CENTRE = _words("center centre middle central centrally")
RELATIONS = {
    "above": "above", "below": "below", "beneath": "below", "under": "below", "underneath": "below", "inside": "inside",
    "within": "inside", "around": "surrounds", "surrounds": "surrounds", "surround": "surrounds", "surrounding": "surrounds",
    "encloses": "surrounds", "near": "near", "beside": "near", "adjacent": "near", "close": "near", "overlaps": "near",
    "overlap": "near", "overlapping": "near", "touching": "near", "nearby": "near",
}  # fmt: skip
DEPTH = _words(
    "behind front between medial lateral anterior posterior superior inferior proximal distal deep superficial over onto "
    "opposite against along across through toward towards clockwise"
)
# All that may be said of a scene beside names, numbers and sides: a closed list, for what a text can claim is not.
SAYS = _words(
    "the a an this that these those it its they them there here of in on at to by with and or as for from both each all also "
    "only sole alone other is are be been being has have do does can yes no not nor neither without none never absent nothing "
    "cannot can't isn't aren't hasn't haven't doesn't don't now yet currently current visible view seen see shown shows show "
    "showing present identified identifiable identify recognised recognized noted observed displayed displays depicted depicts "
    "contains contain containing includes include including found lies lie located situated one "
    "phase step stage part procedure operation operative surgery surgical laparoscopic endoscopic frame image picture scene field "
    "moment anatomy anatomical structure structures organ organs instrument instruments tool tools device devices landmark landmarks safety "
    "check checks criteria criterion state status position positions location locations event events finding findings red flag "
    "flags sign signs total name called namely which what side corner area region portion half quadrant third relative respect "
    "leftmost rightmost first second same place respectively idle under way progress case summary overall left right top bottom "
    "upper lower middle center centre central mid next"
)
# Beside an event: that it is so.
HAPPENS = _words(
    "met achieved confirmed fulfilled satisfied reached any any occurs occurred occurring noted so far done"
)
# Of a question.
ASKS = _words(
    "which what where how many much who name list describe tell me give say said state locate count number identify you i we "
    "us please detail detailed structured description short rich narration write view look see seen image stage being any are "
    "there kind type sort patient patient's surgeon use used in relation does do did can could time give brief point points "
    "observe recognise recognize spot find annotated described show summarise summarize summary surgeon cell grid pixel pixels coordinate coordinates bounding box bbox holds make makes happen has"
)
# Of what is to come or usual, as the procedure file has it.
PLANS = _words(
    "prepare prepared preparing proceed proceeding starting begin begins start starts go goes ahead on continue continues perform performed carry "
    "carried out controlled control achieve achieved ensure ensured verify verified confirm confirmed checked keep kept before "
    "after until once then next follow follows following usually usual normally typically comes come last final must should need "
    "needs needed require requires required ready available have hold holds if when whether will handpiece further will making "
    "made safe safely prerequisite condition conditions demands expects up set phase's so far towards team surgeon "
    "end priority recommended recommend step steps first addressed address managed manage attention plan planned ahead"
)
SPECULATION = re.compile(
    r"\b(?:probabl\w+|possibl\w+|perhaps|maybe|likely|unlikely|appears? to|appearing to|seem\w*|might|may|could|"
    r"presumabl\w+|suggest\w*|apparent\w*|suspect\w*|potential\w*|think|believe|guess\w*|assum\w+|looks? like|as if|"
    r"would|unclear|uncertain\w*|hard to (?:say|tell)|consistent with|indicat\w+)\b"
)
LEAK = re.compile(
    r"\b(?:time ?stamps?|seconds?|minutes?|\d{1,2}:\d{2}|video[ _]id|frame (?:number|id|no)|frame \d+|file ?names?|metadata|"
    r"annotat(?:ion|or)s?|json|bounding box(?:es)?|bbox|pixels?|coordinates?|confidence|scene (?:description|graph)|"
    r"(?:provided|given|described|symbolic) (?:scene|description|information|list|data)|according to|"
    r"labels?|labelled|labeled|data ?set|ground truth|based on the)\b"
    r"|\b[\w/\\.-]+\.(?:jpe?g|png|mp4|json|csv|ya?ml|txt|avi|mkv|bmp|tiff?)\b"
    r"|[(\[]\s*\d+(?:\.\d+)?\s*,\s*\d+"
)
ASKS_PLACE = re.compile(r"\b(?:coordinates?|pixels?|bounding box|bbox|point to|box)\b")
FOREIGN_MATTER = re.compile(
    r"https?:|www\.|<[^>]*>|<\||\|>|```|`|\{|\}|\$\(|&&|\brm -|\bsudo\b|\bcurl\b|\bimport \w+|\beval\(|"
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|previous|above|rules?|prompts?)\b|"
    r"\b(?:language model|as an ai|chatgpt|gpt-?\d|openai|assistant:|system:|user:|system prompt|api[ _-]?keys?|passwords?|"
    r"delete|download|execute|upload|q&a|task:|constraints:|you are a|write \d|write one|i can(?:'t|not)|i'm sorry|i am sorry)\b",
    re.DOTALL,
)
