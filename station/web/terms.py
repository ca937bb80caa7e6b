"""Payment terms as people read them: in words, with the derivation of a due date, and where the law refuses them."""

from datetime import date

from station.web.words import Words
from workflow.receivables import Customer as Nature
from workflow.terms import Counting, Term, due_date, due_steps, first_beyond, last_lawful, read_term, unlawful


def term_words(term: Term, t: Words) -> str:
    """« 45 fdm » → « 45 jours fin de mois »."""
    if term == Term(0):
        return t("terms.at-once")
    key = {Counting.DAYS: "terms.days", Counting.THEN_MONTH_END: "terms.then-end", Counting.FROM_MONTH_END: "terms.from-end"}[term.counting]
    words = t.count(key, term.days)
    return words if term.on is None else t("terms.on-the", term=words, n=term.on)


def text_words(text: str, t: Words) -> str:
    """The same of a term as it is kept."""
    return term_words(read_term(text), t)


def due_words(term: Term, issued: date, t: Words) -> str:
    """How a due date came about: « 15/02/2026 + 45 jours = 01/04/2026 ; fin de mois : 30/04/2026 »."""
    told = [t(f"terms.step-{step.what.replace(' ', '-')}", n=step.count, day=t.day(step.day)) for step in due_steps(term, issued)]
    return t("terms.derivation", term=term_words(term, t), issued=t.day(issued), steps=" ; ".join(told))


def warning_words(term: Term, nature: str, t: Words) -> str:
    """Why the law refuses it between professionals; empty where it does not, or where another law holds."""
    why = unlawful(term) if nature == Nature.PRIVATE else None
    if why is None:
        return ""
    issued = first_beyond(term)
    if issued is None:
        return t(f"terms.warn-{why}")
    return t(
        "terms.warn-example",
        why=t(f"terms.warn-{why}"),
        issued=t.day(issued),
        due=t.day(due_date(term, issued)),
        last=t.day(last_lawful(issued)),
    )
