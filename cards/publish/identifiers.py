"""Patterns of what tells who somebody is: the identifiers of HIPAA's safe harbour, as four languages write them.

Written for RE2 (no look-around), which pyarrow runs over whole columns. A pattern alone would hit too much; where
``CONFIRMATIONS`` has a function, what matched counts only if that says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from surgvqa.cards.publish import names

YEAR, MONTH, DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
MONTH2, DAY2 = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
TWO = r"\d\d"
MONTHS = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|january|february|march|april|june|july|august|september|october"
    r"|november|december|jän|mär|mai|okt|dez|januar|jänner|februar|märz|maerz|juni|juli|oktober|dezember|janv|févr?|fevr|avr"
    r"|juil|août|aout|déc|janvier|février|fevrier|mars|avril|juin|juillet|septembre|octobre|novembre|décembre|decembre|enero"
    r"|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|gennaio|febbraio|aprile|maggio"
    r"|giugno|luglio|settembre|ottobre|dicembre)"
)
BEFORE, AFTER = r"(?:^|[^0-9A-Za-z.])", r"(?:[^0-9A-Za-z]|T\d\d|$)"
CLOCK = r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d+)?)?"
# A run of digits counts where no longer number goes on at either side: neither in 0.13812345678 nor in 13812345678.5.
NUMBER_BEGINS, NUMBER_ENDS = r"(?:^|[^0-9A-Za-z_.]|(?:^|[^0-9])\.)", r"(?:[^0-9A-Za-z_.]|\.(?:[^0-9]|$)|$)"
CHINESE = "〇零一二三四五六七八九十"
DATES = "|".join(
    (
        rf"{BEFORE}{YEAR}(?:-{MONTH}-|/{MONTH}/|_{MONTH}_|\.{MONTH2}\.| {MONTH2} ){DAY}{AFTER}",
        rf"{BEFORE}{YEAR}{MONTH2}{DAY2}(?:[ _T-]?{CLOCK})?{AFTER}",
        rf"{BEFORE}(?:{DAY}[./-]{MONTH}|{MONTH}[./-]{DAY})[./-]{YEAR}(?:[^0-9A-Za-z]|$)",
        rf"{BEFORE}{DAY}[ _]{MONTH2}[ _]{YEAR}(?:[^0-9A-Za-z]|$)",
        rf"(?:^|[^0-9A-Za-z./-]){DAY2}[./]{MONTH2}[./]{TWO}(?:[^0-9A-Za-z./]|\.(?:\D|$)|$)",
        rf"(?:^|[^0-9A-Za-z./-]){MONTH2}/{DAY2}/{TWO}(?:[^0-9A-Za-z./]|\.(?:\D|$)|$)",
        rf"(?i:\b(?:geb|geboren|born|dob|am|vom|on|dated?|datum|né|née|le)\b[ .:]*(?:am |on |le )?{DAY}[./-]{MONTH}[./-](?:{YEAR}|{TWO}))(?:[^0-9.]|\.\D|\.?$)",
        rf"(?:^|\D){YEAR}:[01]\d:[0-3]\d(?: [0-2]\d|$)",
        rf"(?i:\b{DAY}(?:st|nd|rd|th|er)?[ .-]+(?:of |de |di )?{MONTHS}[ .,-]+(?:de |del )?{YEAR}\b)",
        rf"(?i:\b{MONTHS}\.? {DAY}(?:st|nd|rd|th)?,? {YEAR}\b)",
        rf"(?i:\b{YEAR}[ .-]{MONTHS}[ .-]{DAY}\b)",
        rf"\b{DAY}[ -][A-Z]{{3}}[ -]{TWO}\b",
        rf"{YEAR} ?[年년] ?{MONTH} ?[月월] ?{DAY} ?[日号號일]",
        rf"[{CHINESE}]{{4}}年[{CHINESE}]{{1,2}}月[{CHINESE}]{{1,3}}[日号號]",
    )
)
NUMBER_LABELS = (  # what stands before a number that only one person or device has
    r"mrn|pat(?:ient(?:en)?|\.)?[ ._-]*(?:id|nr|no|number|nummer)|pid|pat-?id|fall[ ._-]*(?:id|nr|nummer)|aufnahme[ ._-]*nr"
    r"|hospital[ ._-]*(?:no|nr|number|id)?|medical record(?:[ ._-]*(?:no|number))?|(?:case|chart|record|file)[ ._-]*(?:no|number)"
    r"|nhs(?:[ ._-]*(?:no|number))?|ssn|social security|sozialversicherung\w*|svnr|kvnr|versicherten\w*|krankenkasse\w*"
    r"|(?:insurance|policy|member|health plan|beneficiary)[ ._-]*(?:id|no|nr|number)|acc(?:ession)?(?:[ ._-]*(?:#|no|nr|number|id))"
    r"|accession"
    r"|(?:study|series|order|exam|visit|encounter|device|implant)[ ._-]*(?:id|no|nr|number)|serial(?:[ ._-]*(?:no|nr|number))?|s/n|sn|lot"
    r"|serien[ ._-]*(?:nr|nummer)|ger[äa]te?[ ._-]*(?:nr|nummer)|account(?:[ ._-]*(?:no|nr|number))?|konto[ ._-]*(?:nr|nummer)?|iban"
    r"|passport(?:[ ._-]*(?:no|number))?|ausweis[ ._-]*(?:nr|nummer)?|dossier(?:[ ._-]*(?:n°|no))?|ipp|nip|(?:n°|no|num[ée]ro) de s[ée]rie|num[ée]ro de (?:patient|dossier)"
)
CHINESE_NUMBERED = "病历号|住院号|门诊号|病案号|检查号|就诊号|身份证号?码?|医保号|患者编号|影像号|设备编号|设备号|序列号|机号|患者ID|电话|手机号?|联系电话"
IDENTITIES = "|".join(
    (
        r"(?i:\b(?:mrn|patient[ _-]?(?:name|id)|date of birth|birth ?date|dob|ssn|medical record)\b[ _:=#-]*\S)",
        r"(?i:_mrn[_-]?\d|\bmrn[_-]?\d)",
        rf"{NUMBER_BEGINS}(?:\d{{3}}-\d\d-\d{{4}}|\d{{3}} \d\d \d{{4}}|\d{{3}} \d{{3}} \d{{4}}|\d{{4}}(?: \d{{4}}){{3}}|\d{{17}}[\dX]){NUMBER_ENDS}",
        r"(?i:\b(?:patient(?:en)?[ _-]?name|name des patienten|nom du patient|nombre del paciente|geburtsdatum|birth ?day)[ _:=#-]+\S)",
        rf"(?i:\b(?:{NUMBER_LABELS})(?:[ .:=#_-]+(?:is |ist )?[a-z]{{0,3}}[ -]?)?\d[\d ./-]{{2,}}\d)",
        rf"(?:{CHINESE_NUMBERED})[ :：#]*(?:[A-Z]?\d{{4,}}|[+(]?\d[\d() -]{{5,}}\d)",
        r"(?:患者)?(?:姓名|名字)[ :：]*[一-鿿]{2,4}|出生日期[ :：]*\d",
        r"(?i:\b(?:case|patient|pat|fall|video|operation|op|study|id|nr|no)[ _:#.-]*[1-9]\d{6,9})(?:[^0-9A-Za-z@.-]|[.]$|$)",
        r"\b[A-Z]{2}\d{2}(?: ?\d{4}){4,5}(?: ?\d{1,3})?\b",
        # Without "licence" before it a plate may be the cystic plate, which "is at 9 o'clock": then only capitals count.
        r"(?i:\b(?:licen[cs]e plate|number plate|registration|kennzeichen)[ :=]*[A-Z]{1,3}[ -][A-Z]{0,2} ?\d{1,4})",
        r"\b(?:[Pp]late|PLATE)[ :=]*[A-ZÄÖÜ]{1,3}[ -][A-Z]{1,2} ?\d{1,4}\b",
    )
)
PHONES = "|".join(
    (
        # No country's code begins with 0, and no number has more than 15 digits: differences such as +0.25 and +3.1234567890123456.
        r"\+[1-9]\d{0,2}[ .(-]*\d[\d ().-]{6,14}(?:[^0-9eE]|$)",
        r"\(\d{3,5}\) ?\d{3,}[ -]?\d{2,}",
        r"(?i:\b(?:tel|tél|telefon|telephone|téléphone|phone|fax|mobile?|mobil(?:nr|nummer)?|handy|cell|pager|call)\b[ .:]*\+?[\d(][\d ()./-]{5,})",
        rf"\b\d{{3}}-\d{{3}}-\d{{4}}\b|{NUMBER_BEGINS}1[3-9]\d{{9}}{NUMBER_ENDS}",
    )
)
# The suffixes of streets of the United States Postal Service (Publication 28, C1) that are no words of an operation.
STREETS = (
    r"Street|Streets|St|Avenue|Ave|Road|Roads|Rd|Lane|Ln|Drive|Drives|Boulevard|Blvd|Court|Courts|Square|Squares|Terrace|Alley|Arcade"
    r"|Bluffs?|Burgs?|Bypass|Canyon|Causeway|Circles?|Cliffs?|Common|Corners?|Courses?|Coves?|Creek|Crescent|Crest|Crossing|Crossroad|Dale"
    r"|Divide|Estates?|Expressway|Falls|Ferry|Fields?|Forest|Forges?|Forks?|Fort|Freeway|Gardens?|Gateway|Glens?|Greens?|Groves?"
    r"|Harbors?|Haven|Heights|Highway|Hills?|Hollow|Islands?|Isle|Keys?|Knolls?|Lakes?|Landing|Lodge|Loop|Mall|Manors?|Meadows?|Mews"
    r"|Mills?|Mission|Motorway|Mountains?|Oval|Parks?|Parkways?|Pike|Pines?|Plains?|Plaza|Prairie|Ranch|Rapids?|Ridges?|Shoals?|Shores?"
    r"|Skyway|Springs?|Spurs?|Station|Stravenue|Stream|Summit|Throughway|Trace|Track|Trafficway|Trail|Tunnel|Turnpike|Underpass|Union"
    r"|Valleys?|Via|Viaduct|Villages?|Ville|Vista|Walks?|Ways?"
)
ADDRESSES = "|".join(
    (
        rf"\b\d{{1,5}} (?:[A-Z][\w.'-]+ ){{1,3}}(?:{STREETS})\b",
        r"\b(?:Flat|Studio|Apt\.?|Apartment|Suite|Unit|Room) \d{1,4}[a-z]?\b,? *(?:[A-Z]|$)|\b\d{1,6}.{3,60} (?:Apt\.?|Suite) \d{1,4}\b",
        r"[A-ZÄÖÜ][\wäöüß-]*(?:straße|strasse|str\.|[Ss]traße|-[Ss]tr\.|allee|gasse|weg|-Weg|platz|-Platz|damm|chaussee|ufer|-Ring|-Allee"
        r"|(?:en|old|tz|ch|st|rg|ld)ring) ?\d{1,4}|\b[A-ZÄÖÜ][a-zäöüß]+(?:er|[- ]) ?(?:Straße|Strasse|Str\.|Allee|Gasse|Weg|Platz|Ring) \d{1,4}",
        r"(?i:\b\d{1,5}(?: bis)?,? (?:rue|avenue|boulevard|place) (?:de |du |des |la )*[a-zà-ü]{3,})|(?i:\b(?:calle|via|viale) [a-z]{3,}[a-z ]*,? \d{1,4}\b)",
        r"\b\d{1,4}(?: bis)?,? (?:chemin|route|impasse|allée|quai|ruelle|montée|rang|côte) (?:de |du |des |la |l')*[A-ZÀ-Ý]|\b(?:rue|chemin|impasse) (?:de |du |des |la |l')*[A-ZÀ-Ý][a-zà-ÿ]{2,}",
        r"(?:[^0-9@.-]|^)\d{5}-\d{4}(?:[^0-9#.]|\.(?:[^0-9]|$)|$)|\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]) \d{5}\b",
        r"\b(?:D|A|CH)-\d{4,5} [A-ZÄÖÜ]|[一-鿿](?:路|街|大道|巷|弄)(?:[\d一二三四五六七八九十]+段)?[\dA-Za-z]+(?:号|號|座|弄)",
    )
)
SECRETS = "|".join(
    (
        r"\bhf_[A-Za-z0-9]{20,}|\bsk-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\bxox[abeoprs]-[\w-]{10,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{30,}",
        r"\b(?:sk|rk|pk)_live_\w{16,}|\bSG\.[\w-]{16,}|\br8_\w{30,}|\bnvapi-[\w-]{20,}|\bgsk_\w{20,}|\bwandb_v1_\w{20,}|AccountKey=\S{20,}",
        r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{5,}|(?i:\bbearer [\w.~+/=-]{8,})|PRIVATE KEY-----|\bAGE-SECRET-KEY-1\w+",
        r"(?i:\b(?:api[ _-]?key|secret[ _-]?key|access[ _-]?(?:key|token)|client[ _-]?secret|passw(?:or)?d|passwort|kennwort)[\"']? ?[=:] ?[\"']?[^\s\"',]{6,})",
        r"\b[0-9a-z]{40}\b|https?://[^\s/:@]+:[^\s/@]+@",
    )
)
RULES = {
    "a path of a disk": (
        r"(?:^|[\s\"'`(=,:|\[>])(?:file:/+|~/|/(?:home|Users|root|mnt|media|data|srv|var|tmp|opt|work|scratch|net|nfs"
        r"|gpfs|lustre|Volumes|export|storage|workspace|pacs|cluster|shared?|projects?|users?|d\d|disk\d*|raid\d*|archive)/)\S"
        r"|(?:^|[\s\"'`(=,|\[>])/[\w.-]+/[\w.-]+/[\w.-]*|(?:^|[\s\"'`(=,:|\[>])(?:\.\./)+\w+/|\b[A-Za-z]:\\+\w|\\\\\w+\\"
    ),
    "a secret": SECRETS,
    "an e-mail address": r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b",
    "an address of a machine": (
        r"\b(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}\b|\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"
        r"|\b(?:[0-9A-Fa-f]{1,4}:){1,6}:(?:[0-9A-Fa-f]{1,4}:){0,5}[0-9A-Fa-f]{1,4}\b|\b(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b"
    ),
    "an address of the web": r"\b(?:https?|ftp)://[^\s/\"'<>)\]]+",
    "a date": DATES,
    "a year of birth": (
        r"(?i:\b(?:born|geb(?:oren)?\.?|jahrgang|birth year|year of birth|yob|geburtsjahr|né|née)\b[ .:]*(?:in |im |en )?(?:19|20)\d\d\b)"
    ),
    "an age over 89": (
        r"(?i:(?:^|[^0-9A-Za-z.])(?:9\d|1[01]\d)[ -]*(?:years?[ -]*old|year-old|yrs? old|y/?o\b|jährig|-jährig|jahre alt|ans\b)|\baged? (?:9\d|1[01]\d)\b|(?:^|[^0-9.])(?:9\d|1[01]\d) ?岁)"
    ),
    "a patient's identity": IDENTITIES,
    "a phone number": PHONES,
    "a postal address": ADDRESSES,
    "a DICOM UID": r"\b[0-2]\.\d{1,5}(?:\.\d{1,39}){4,}\b",
    "a DICOM name": r"[A-Za-zÀ-ɏ]{2,}\^[A-Za-zÀ-ɏ]{2,}|[一-鿿]+\^[一-鿿]+",
    "a person's name": names.CANDIDATE,
}
# Hosts that a card may name. Everything else could be a hospital's.
PUBLIC = re.compile(
    r"(?:^|[.@])(?:huggingface\.co|hf\.co|github\.(?:com|io)|githubusercontent\.com|gitlab\.com|doi\.org|arxiv\.org|creativecommons\.org"
    r"|synapse\.org|python\.org|pypi\.org|pytorch\.org|apache\.org|opensource\.org|wikipedia\.org|zenodo\.org|figshare\.com|kaggle\.com"
    r"|openreview\.net|thecvf\.com|acm\.org|ieee\.org|springer\.com|nature\.com|sciencedirect\.com|elsevier\.com|nih\.gov|grand-challenge\.org"
    r"|openai\.com|google\.com|w3\.org|json-schema\.org|schema\.org|example\.(?:org|com)|unistra\.fr|uni-klu\.ac\.at|readthedocs\.io|shields\.io|wandb\.ai)$",
    re.IGNORECASE,
)


def stranger(text: str) -> str | None:
    """Return the first web address that isn't one of the public places of research.

    >>> stranger("https://doi.org/10.1 and https://pacs.clinic.org/7"), stranger("https://github.com/x")
    ('https://pacs.clinic.org', None)
    """
    for match in re.finditer(RULES["an address of the web"], text):
        host = match[0].split("://", 1)[1].split("@")[-1].split(":")[0].rstrip(".,;")
        if not PUBLIC.search(host) and host not in ("127.0.0.1", "localhost"):
            return match[0]
    return None


def secret(text: str) -> str | None:
    """Return the first secret; forty digits of a commit are none.

    >>> secret("revision " + "0a" * 20), secret("0123456789" * 4) is None
    (None, False)
    """
    for match in re.finditer(SECRETS, text):
        before = text[max(0, match.start() - 40) : match.start()].lower()
        commit_word = re.search(r"commit|revision|sha|git|blob|tree|@|rev", before)
        if not (
            len(match[0]) == 40
            and match[0].isalnum()
            and match[0].islower()
            and (commit_word or (match[0].isalpha() and len(set(match[0])) > 1))
        ):
            return match[0]
    return None


def machine(text: str) -> str | None:
    """Return the first address of a machine; words with two colons between them are none."""
    for match in re.finditer(RULES["an address of a machine"], text):
        if any(char.isdigit() for char in match[0]):
            return match[0]
    return None


CONFIRMATIONS: dict[str, Callable[[str], str | None]] = {
    "an address of the web": stranger,
    "a secret": secret,
    "an address of a machine": machine,
    "a person's name": lambda text: names.recogniser(text),
}
# What a tokenizer's word list may hold: half of the world's names, and numbers of every length.
WORD_LIST_RULES = ("a person's name", "a phone number", "a patient's identity", "a postal address", "a date", "an address of the web",
          "a year of birth", "an age over 89", "a path of a disk", "an address of a machine", "a DICOM UID")  # fmt: skip
