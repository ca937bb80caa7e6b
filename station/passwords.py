"""Whether a password can be guessed without knowing its person: by what everybody chooses, or by what stands on their door."""

import re
from collections.abc import Collection

LEAST_LEFT = 6
"""Characters that must stay, and …"""
LEAST_DIFFERENT = 4
"""… different ones among them, once everything that guessers try first is taken away. House policy."""
COMMON = (
    "motdepasse", "password", "passwort", "passe", "azerty", "qwerty", "qwertz", "bonjour", "bienvenue", "welcome", "soleil", "sunshine",
    "admin", "administrateur", "administrator", "utilisateur", "user", "secret", "letmein", "iloveyou", "jetaime", "jtm", "dragon",
    "monkey", "football", "baseball", "princess", "princesse", "doudou", "loulou", "chouchou", "marseille", "paris", "france", "nicolas",
    "camille",
    "comptabilite", "compta", "facture", "invoice", "scanner", "sceau", "changeme", "changezmoi", "master", "shadow", "superman", "batman",
    "printemps", "automne", "hiver", "spring", "summer", "autumn", "winter", "janvier", "fevrier", "juillet", "septembre", "octobre",
    "novembre", "decembre", "january", "february", "september", "october", "november", "december", "trustno", "login", "test", "essai",
)  # fmt: skip
"""What the lists of stolen passwords begin with, in French and English; longer ones first where one holds another."""
RUNS = (
    "azertyuiop", "qsdfghjklm", "wxcvbn", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "01234567890", "1qaz2wsx3edc",
)  # fmt: skip
"""Rows of keyboards and alphabets: three in a row, either way, are one choice."""
_LEET = str.maketrans(
    {"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t", "é": "e", "è": "e", "à": "a"}
)


def is_common(password: str, known: Collection[str] = ()) -> bool:
    """Whether too little is left of it without common words, keyboard rows, repetitions, years and `known` (login, name, company)."""
    words = {part for word in known for part in re.split(r"[\W_]+", word.lower()) if len(part) >= 3}
    plain = password.lower()
    return any(_poor(_without(text, words)) for text in (plain, plain.translate(_LEET)))


def _without(text: str, words: Collection[str]) -> str:
    for word in sorted({*COMMON, *words}, key=len, reverse=True):
        text = text.replace(word, " ")
    text = re.sub(r"(?:19|20)\d\d", " ", text)
    for run in RUNS:
        for row in (run, run[::-1]):
            for size in range(len(row), 2, -1):
                for at in range(len(row) - size + 1):
                    text = text.replace(row[at : at + size], " ")
    # What is repeated counts once: "abcabcabc", "aaaa".
    return re.sub(r"(.+?)\1+", r"\1", re.sub(r"\s+", "", text))


def _poor(left: str) -> bool:
    return len(left) < LEAST_LEFT or len(set(left)) < LEAST_DIFFERENT
