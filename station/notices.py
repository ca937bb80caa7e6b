"""E-mails about tasks: what is asked, of which invoice, and the link to its page. Never the invoice itself: a mailbox is no archive.

The link leads through signing in; whoever reads the e-mail without an account sees a supplier and an amount, nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from babel.numbers import format_decimal
from sqlalchemy.orm import Session

from station import mail
from station.records import review as records
from station.records.tables import Person, Task
from station.workstation import Workstation

_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}


@dataclass(frozen=True, slots=True)
class Letter:
    """Subject and text of one kind of e-mail, with places to fill."""

    subject: str
    text: str


_HEAD_FR = "Fournisseur : {supplier}\nFacture : {number}\nMontant TTC : {amount}\nÉchéance : {due}\n"
_HEAD_EN = "Supplier: {supplier}\nInvoice: {number}\nAmount with tax: {amount}\nDue: {due}\n"
FOOT_FR = "\nL'ouvrir, après connexion :\n{link}\n\n{house}\nCe message est envoyé par Sceau ; n'y répondez pas.\n"
FOOT_EN = "\nOpen it, after signing in:\n{link}\n\n{house}\nThis message is sent by Sceau; please do not answer it.\n"
LETTERS: Mapping[tuple[str, str], Letter] = {
    ("task", "fr"): Letter(
        "À approuver : {supplier}, {amount}", "Bonjour {name},\n\nUne facture attend votre décision.\n\n" + _HEAD_FR + FOOT_FR
    ),
    ("task", "en"): Letter(
        "To approve: {supplier}, {amount}", "Hello {name},\n\nAn invoice waits for your decision.\n\n" + _HEAD_EN + FOOT_EN
    ),
    ("question", "fr"): Letter(
        "Question de {who} : {supplier}, {amount}",
        "Bonjour {name},\n\n{who} vous demande, avant de décider :\n« {text} »\n\n" + _HEAD_FR + FOOT_FR,
    ),
    ("question", "en"): Letter(
        "Question from {who}: {supplier}, {amount}",
        "Hello {name},\n\n{who} asks you, before deciding:\n“{text}”\n\n" + _HEAD_EN + FOOT_EN,
    ),
    ("answer", "fr"): Letter(
        "Réponse de {who} : {supplier}, {amount}",
        "Bonjour {name},\n\n{who} a répondu à votre question.\nVous : « {question} »\n{who} : « {text} »\n\n" + _HEAD_FR + FOOT_FR,
    ),
    ("answer", "en"): Letter(
        "Answer from {who}: {supplier}, {amount}",
        "Hello {name},\n\n{who} answered your question.\nYou: “{question}”\n{who}: “{text}”\n\n" + _HEAD_EN + FOOT_EN,
    ),
    ("refused", "fr"): Letter(
        "Refusée par {who} : {supplier}, {amount}",
        "Bonjour {name},\n\n{who} a refusé cette facture :\n« {text} »\n\n"
        "Elle est de nouveau à relire, en tête de votre file. Rien n'est perdu.\n\n" + _HEAD_FR + FOOT_FR,
    ),
    ("refused", "en"): Letter(
        "Refused by {who}: {supplier}, {amount}",
        "Hello {name},\n\n{who} refused this invoice:\n“{text}”\n\n"
        "It is to be reviewed again, at the head of your queue. Nothing is lost.\n\n" + _HEAD_EN + FOOT_EN,
    ),
}


def tell_task(session: Session, workstation: Workstation, task: Task, asked: Mapping[str, Person], at: datetime) -> None:
    """One e-mail per task and person, to those who may decide it."""
    for person in asked.values():
        _put(session, workstation, task, "task", person, {}, at)


def tell_question(session: Session, workstation: Workstation, question: Task, by: Person, to: Person, at: datetime) -> None:
    """The question itself is in the e-mail: whoever is asked knows at once what for."""
    _put(session, workstation, question, "question", to, {"who": name_of(by), "text": question.question or ""}, at)


def tell_answer(session: Session, workstation: Workstation, question: Task, by: Person, to: Person, at: datetime) -> None:
    """The answer, to who asked; its link leads to the approval."""
    told = {"who": name_of(by), "question": question.question or "", "text": question.reason or ""}
    _put(session, workstation, question, "answer", to, told, at, question.parent_id)


def tell_refused(session: Session, workstation: Workstation, task: Task, by: Person, to: Person, at: datetime) -> None:
    """To who reviewed it; its link leads to the review."""
    _put(
        session,
        workstation,
        task,
        "refused",
        to,
        {"who": name_of(by), "text": task.reason or ""},
        at,
        page=f"/relecture/{task.document_id}",
    )


def _put(
    session: Session,
    workstation: Workstation,
    task: Task,
    kind: str,
    to: Person,
    told: Mapping[str, str],
    at: datetime,
    number: int | None = None,
    page: str = "",
) -> None:
    """Nothing where no mail server is set, or the account has no address: then the page alone tells."""
    if not workstation.settings.mail.host or not to.email or not mail.ADDRESS.fullmatch(to.email):
        return
    language = language_of(session, to, workstation.settings.language)
    places = {
        "name": name_of(to),
        "supplier": task.bound.get("supplier") or task.bound.get("siren") or task.title,
        "number": task.bound.get("number") or "–",
        "amount": money(task.bound.get("gross") or "", task.bound.get("currency") or "", language),
        "due": date.fromisoformat(task.due).strftime("%d/%m/%Y") if task.due else "–",
        "house": next(iter(workstation.settings.identity.names), task.entity),
        "link": f"{workstation.settings.server.public_address}{page or f'/approbations/{number or task.id}'}",
        **told,
    }
    letter = LETTERS[kind, language]
    # Numbers of tasks are this database's alone; so are keys.
    key = f"{kind}-{task.id}-{to.pseudonym}"
    mail.put_mail(session, task.entity, key, to.email, letter.subject.format(**places), letter.text.format(**places), at, task.document_id)


def language_of(session: Session, person: Person, usual: str) -> str:
    """In which the person last decided something, else the installation's."""
    chosen = str(records.preference(session, person.pseudonym, "language").get("code", usual))
    return chosen if chosen in ("fr", "en") else "fr"


def name_of(person: Person) -> str:
    return person.name or person.login


def money(text: str, currency: str, language: str) -> str:
    """`1 234,56 €` from canonical text; a dash where there is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text or "–"
    told = str(format_decimal(number, "#,##0.00##", locale=language)) if number.is_finite() else text
    return f"{told} {_SIGNS.get(currency, currency)}".strip()
