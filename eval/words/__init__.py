"""Find the names of answers in a text: in their spellings, synonyms and other forms, denied or beside the answer."""

__all__ = [
    "derived_names",
    "mention_roles",
    "name_index",
    "negation",
    "roots",
    "slips",
    "synonyms",
    "terms",
    "thesaurus",
    "tokens",
]
