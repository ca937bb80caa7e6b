"""The one place that turns troubles into words for a person: what happened, that nothing is lost, what to do."""

import errno
import re
import sqlite3
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

SAFE_FR = "Rien n'est perdu : l'original est au coffre."
SAFE_EN = "Nothing is lost: the original is in the vault."
KEPT_FR = "Rien n'est perdu : l'original est au coffre, ou encore là d'où il vient."
KEPT_EN = "Nothing is lost: the original is in the vault, or still where it came from."
"""Where the trouble may come before the vault."""
MAIL_FR = "Rien n'est perdu : les messages restent sur le serveur, et ceux qui sont pris sont au coffre."
MAIL_EN = "Nothing is lost: messages stay on the server, and those taken are in the vault."
SCANNED_FR = "Rien n'est perdu : chaque page prise est déjà sur le disque."
SCANNED_EN = "Nothing is lost: each page taken is on the disk already."


@dataclass(frozen=True, slots=True)
class Problem:
    """A trouble as a person reads it; `retry` is the wait before the station tries again by itself, None where a person must act."""

    code: str
    happened: str
    safe: str
    todo: str
    happened_en: str
    safe_en: str
    todo_en: str
    retry: timedelta | None = None

    def words(self, language: str = "fr") -> str:
        parts = (self.happened_en, self.safe_en, self.todo_en) if language == "en" else (self.happened, self.safe, self.todo)
        return " ".join(part for part in parts if part)


def _problem(code: str, fr: tuple[str, str], en: tuple[str, str], retry: timedelta | None = None, safe: bool = True) -> Problem:
    return Problem(code, fr[0], SAFE_FR if safe else "", fr[1], en[0], SAFE_EN if safe else "", en[1], retry)


PROBLEMS: dict[str, Problem] = {
    p.code: p
    for p in (
        Problem(
            "disk-full",
            "Le disque est plein.",
            KEPT_FR,
            "Libérez de la place : le travail reprendra tout seul.",
            "The disk is full.",
            KEPT_EN,
            "Free some space: the work will go on by itself.",
            timedelta(seconds=30),
        ),
        Problem(
            "store-away",
            "Le lieu où sont gardés les originaux et les archives ne répond pas.",
            KEPT_FR,
            "Vérifiez le partage ou le service (sceau doctor) : le travail reprendra tout seul.",
            "The place where originals and archives are kept does not answer.",
            KEPT_EN,
            "Check the share or the service (sceau doctor): the work will go on by itself.",
            timedelta(seconds=30),
        ),
        Problem(
            "read-only",
            "Un disque de ce poste n'accepte plus d'écriture : il est en lecture seule.",
            KEPT_FR,
            "Faites vérifier ce disque (le système le protège souvent ainsi d'une panne), remontez-le : le travail reprendra tout seul.",
            "A disk of this station takes no more writing: it is read-only.",
            KEPT_EN,
            "Have that disk checked (systems often guard a failing one so) and mount it again: the work will go on by itself.",
            timedelta(seconds=30),
        ),
        Problem(
            "store-locked",
            "Le verrou du lieu de conservation n'est pas encore échu : rien n'est supprimé.",
            SAFE_FR,
            "La suppression sera reprise toute seule à l'échéance.",
            "The lock of the store has not ended yet: nothing is removed.",
            SAFE_EN,
            "The removal will be done by itself when it ends.",
            timedelta(hours=1),
        ),
        Problem(
            "store-unfit",
            "Le stockage d'objets ne garde pas les fichiers comme les réglages le disent.",
            KEPT_FR,
            "« sceau doctor » dit ce qui lui manque ; les fichiers restent dans leur dossier.",
            "The object store does not keep files as the settings say.",
            KEPT_EN,
            "“sceau doctor” says what it lacks; files stay in their folder.",
            timedelta(minutes=5),
        ),
        _problem(
            "timestamp-unavailable",
            ("L'autorité d'horodatage n'a pas répondu.", "Le document sera scellé tout seul à un prochain essai."),
            ("The timestamp authority did not answer.", "The document will be sealed by itself on a later try."),
            timedelta(seconds=30),
        ),
        Problem(
            "reminders-unreadable",
            "Les relances ne peuvent pas être calculées : l'échelle, un modèle de lettre ou le calendrier n'est pas admis.",
            "Rien n'est parti, rien n'est perdu : elles partiront une fois le fichier corrigé.",
            "Ouvrez « Relances », où la ligne fautive est dite, ou lancez sceau rules check sur le fichier.",
            "Reminders cannot be worked out: the ladder, a letter's template or the calendar is not admitted.",
            "Nothing left, nothing is lost: they leave once the file is mended.",
            "Open « Reminders », where the faulty line is told, or run sceau rules check on the file.",
        ),
        Problem(
            "renewal-late",
            "Le certificat du dernier horodatage de ce fichier est échu, et il n'a pas été renouvelé à temps.",
            "Rien n'est perdu : le fichier est intact, et le registre témoigne encore de lui ; il ne se prouve plus tout seul.",
            "Gardez les points de contrôle du registre avec lui ; vérifiez pourquoi sceau renew n'a pas été exécuté à temps.",
            "The certificate of this file's newest timestamp has ended, and it was not renewed in time.",
            "Nothing is lost: the file is intact, and the ledger still vouches for it; it no longer proves itself.",
            "Keep the ledger's checkpoints with it; find out why sceau renew was not run in time.",
        ),
        _problem(
            "clock-wrong",
            (
                "L'horloge de ce poste s'écarte de plus de 5 secondes de l'heure des serveurs : rien n'est scellé à une heure fausse.",
                "Remettez l'horloge à l'heure (NTP) : les documents seront scellés tout seuls ; sceau clock dit l'écart.",
            ),
            (
                "The clock of this machine is more than 5 seconds off the time of the servers: nothing is sealed at a wrong time.",
                "Set the clock right (NTP): documents will be sealed by themselves; sceau clock tells the offset.",
            ),
            timedelta(minutes=1),
        ),
        _problem(
            "clock-stepped",
            (
                "L'horloge de ce poste a été changée de plus de 5 secondes : rien n'est scellé avant qu'elle soit contrôlée.",
                "Vérifiez l'heure, puis sceau clock --confirm --login NOM ; sinon les documents seront scellés tout seuls au contrôle "
                "suivant, ou après dix minutes de marche régulière.",
            ),
            (
                "The clock of this machine was set by more than 5 seconds: nothing is sealed before it is checked.",
                "Check the time, then sceau clock --confirm --login NAME; otherwise documents will be sealed by themselves at the next "
                "check, or after ten even minutes.",
            ),
            timedelta(minutes=1),
        ),
        _problem(
            "key-unusable",
            ("La clé de scellement ne s'ouvre pas.", "Vérifiez le certificat et son mot de passe (sceau doctor), puis réessayez."),
            ("The sealing key cannot be opened.", "Check the certificate and its password (sceau doctor), then retry."),
        ),
        _problem(
            "key-missing",
            (
                "Aucun certificat de cachet n'est installé : le document attend.",
                "Un administrateur l'installe à la page /installation ; le document sera scellé tout seul.",
            ),
            (
                "No seal certificate is installed: the document waits.",
                "An administrator installs it on the page /installation; the document will be sealed by itself.",
            ),
        ),
        _problem(
            "key-practice",
            (
                "Un certificat d'essai ne scelle rien en production : le document attend.",
                "Donnez votre certificat dans [sealing], puis relancez Sceau ; il sera scellé tout seul.",
            ),
            (
                "A practice certificate seals nothing in production: the document waits.",
                "Name your certificate in [sealing] and start Sceau again; it will be sealed by itself.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "key-expired",
            (
                "Le certificat du cachet, ou celui d'une autorité au-dessus, est échu : le document attend.",
                "Installez le nouveau certificat ; le document sera scellé tout seul.",
            ),
            (
                "The seal's certificate, or that of an authority above it, has expired: the document waits.",
                "Install the new certificate; the document will be sealed by itself.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "key-not-yet",
            (
                "Le certificat du cachet n'est pas encore valable : le document attend.",
                "Vérifiez l'heure du poste et la date de début du certificat (sceau keys).",
            ),
            (
                "The seal's certificate is not valid yet: the document waits.",
                "Check this machine's clock and the first day of the certificate (sceau keys).",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "key-usage",
            (
                "Ce certificat n'est pas fait pour sceller des documents : le document attend.",
                "Demandez un certificat de cachet ou de signature (contentCommitment ou digitalSignature).",
            ),
            (
                "This certificate is not made for sealing documents: the document waits.",
                "Ask for a certificate for seals or signatures (contentCommitment or digitalSignature).",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "key-weak",
            (
                "La clé ou l'empreinte du certificat est trop faible pour durer : le document attend.",
                "Demandez un certificat RSA 3072 bits ou plus, ou P-256 ou P-384, signé avec SHA-256 ou plus.",
            ),
            (
                "The certificate's key or digest is too weak to last: the document waits.",
                "Ask for a certificate with RSA 3072 bits or more, or P-256 or P-384, signed with SHA-256 or more.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "key-issuer",
            (
                "L'autorité qui a émis le certificat du cachet n'est pas de celles auxquelles ce poste se fie : le document attend.",
                "Nommez sa racine dans trust.roots, si elle est bien la vôtre.",
            ),
            (
                "The authority that issued the seal's certificate is not one that this station trusts: the document waits.",
                "Name its root in trust.roots, if it is yours indeed.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "key-revoked",
            (
                "Le certificat du cachet, ou celui d'une autorité au-dessus, est révoqué : le document attend.",
                "Demandez un nouveau certificat ; s'il l'a été par erreur, voyez avec l'autorité.",
            ),
            (
                "The seal's certificate, or that of an authority above it, is revoked: the document waits.",
                "Ask for a new certificate; if it was a mistake, see the authority.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "key-revocation",
            (
                "On ne peut pas dire si le certificat du cachet est révoqué, faute de liste à jour : le document attend.",
                "Vérifiez le réseau, puis « sceau keys --fetch » ; si le certificat ne nomme aucune liste, donnez-en le fichier ou "
                "l'adresse à « revocation », section [trust] de sceau.toml. Il sera scellé tout seul.",
            ),
            (
                "Whether the seal's certificate is revoked cannot be said without a list in force: the document waits.",
                "Check the network, then “sceau keys --fetch”; where the certificate names no list, name its file or address in "
                "“revocation”, section [trust] of sceau.toml. It will be sealed by itself.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "key-away",
            (
                "Le support ou le service qui garde la clé ne répond pas : le document attend.",
                "Vérifiez que la carte est en place ou que le service répond ; il sera scellé tout seul.",
            ),
            (
                "The token or the service that holds the key does not answer: the document waits.",
                "See that the card is in place or that the service answers; it will be sealed by itself.",
            ),
            timedelta(seconds=30),
        ),
        _problem(
            "cannot-seal",
            ("Le document n'a pas pu être scellé.", "Réessayez ; si cela se répète, lancez sceau doctor et joignez le détail technique."),
            ("The document could not be sealed.", "Retry; if it happens again, run sceau doctor and add the technical details."),
        ),
        _problem(
            "proof-failed",
            (
                "La relecture du fichier scellé ne prouve pas que l'image est identique ; il n'a pas été archivé.",
                "Réessayez ; si cela se répète, joignez le détail technique à votre demande d'assistance.",
            ),
            (
                "Reading the sealed file back did not prove that the image is identical; it was not archived.",
                "Retry; if it happens again, add the technical details to your support request.",
            ),
        ),
        _problem(
            "cannot-archive",
            (
                "Cette image ne peut pas entrer dans un PDF/A sans être modifiée.",
                "Renumérisez la feuille en TIFF ou PNG couleur 24 bits, ou gardez le papier.",
            ),
            (
                "This image cannot enter a PDF/A without being changed.",
                "Scan the sheet again as 24-bit colour TIFF or PNG, or keep the paper.",
            ),
        ),
        _problem(
            "nothing-qualified",
            (
                "Ce type de document doit être une copie fiable ; aucune liste de confiance ne dit qualifiés cachet ou horodatage.",
                "Il sera scellé tout seul quand un certificat qualifié et sa liste de confiance seront là (sceau keys) ; ou changez "
                "[evidence] dans sceau.toml.",
            ),
            (
                "This kind of document is to be a reliable copy, and no trusted list calls the seal or the timestamp qualified.",
                "It will be sealed by itself once a qualified certificate and its trusted list are there (sceau keys); or change "
                "[evidence] in sceau.toml.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "no-dossier",
            (
                "Aucun dossier d'organisation n'est en vigueur : rien n'est scellé sans (art. A102 B-2, II). Le document est en sûreté.",
                "Préparez le dossier et faites-le contresigner (page « Organisation ») : le document sera scellé tout seul.",
            ),
            (
                "No organisation dossier is in force: this station seals nothing without one (art. A102 B-2, II). The document is safe.",
                "Prepare the dossier and have it countersigned (page “Organisation”): the document will be sealed by itself.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "no-mandate",
            (
                "Un tiers archive pour l'entreprise, et aucun mandat en cours n'est enregistré : rien n'est scellé (A102 B-2, II).",
                "Enregistrez le mandat signé (page « Mandats ») : le document sera scellé tout seul. La seule référence ne suffit pas.",
            ),
            (
                "A third party archives for the company, and no mandate in force is recorded: without it nothing is sealed (A102 B-2, II).",
                "Record the signed mandate (page “Mandates”): the document will be sealed by itself. Its reference is not enough.",
            ),
            timedelta(minutes=5),
        ),
        _problem(
            "erasing",
            (
                "L'effacement que deux personnes ont décidé est en cours ; il se termine tout seul.",
                "Attendez une minute ; s'il dure, voyez le disque, puis le journal du poste.",
            ),
            (
                "The erasure that two people decided is under way; it finishes by itself.",
                "Wait a minute; if it lasts, look at the disk, then at the station's log.",
            ),
            safe=False,
        ),
        _problem(
            "poison-page",
            (
                "Une page a fait tomber trois fois le programme qui la lit ; le document est mis de côté.",
                "Renumérisez la feuille ; les autres documents continuent.",
            ),
            (
                "One page ended the program that reads it three times; the document is set aside.",
                "Scan the sheet again; the other documents go on.",
            ),
        ),
        _problem(
            "over-budget",
            ("Le travail sur ce document a dépassé son temps.", "Réessayez ; une page démesurée peut en être la cause."),
            ("The work on this document outlasted its time.", "Retry; an oversized page may be the cause."),
        ),
        _problem(
            "vault-damaged",
            (
                "L'original au coffre ne correspond plus à son empreinte.",
                "Remettez le fichier d'origine dans le dossier de la station et faites contrôler le disque.",
            ),
            (
                "The original in the vault no longer matches its fingerprint.",
                "Put the original file into the station's folder again and have the disk checked.",
            ),
            safe=False,
        ),
        _problem(
            "reading-late",
            (
                "Une partie du texte n'a pas pu être lue à temps ; le document est scellé.",
                "Rien à faire : la lecture sera réessayée toute seule.",
            ),
            (
                "Part of the text could not be read in time; the document is sealed.",
                "Nothing to do: reading will be tried again by itself.",
            ),
        ),
        _problem(
            "reading-given-up",
            (
                "Une partie du texte reste illisible après plusieurs essais ; le document est scellé.",
                "Saisissez les valeurs d'après l'image.",
            ),
            ("Part of the text stays unreadable after several tries; the document is sealed.", "Type the values from the image."),
        ),
        *(
            Problem(f"scan-{code}", fr[0], SCANNED_FR, fr[1], en[0], SCANNED_EN, en[1])
            for code, fr, en in (
                (
                    "no-paper",
                    ("Le chargeur est vide.", "Posez les feuilles, puis « Continuer »."),
                    ("The feeder is empty.", "Put the sheets in, then “Continue”."),
                ),
                (
                    "jam",
                    ("Bourrage. Dernière page bonne : {good}.", "Dégagez le papier, remettez la feuille {next}, puis « Continuer »."),
                    ("Paper jam. Last good page: {good}.", "Clear the paper, put sheet {next} back, then “Continue”."),
                ),
                (
                    "cover-open",
                    ("Le capot est ouvert. Dernière page bonne : {good}.", "Fermez-le, remettez la feuille {next}, puis « Continuer »."),
                    ("The cover is open. Last good page: {good}.", "Close it, put sheet {next} back, then “Continue”."),
                ),
                (
                    "busy",
                    ("Un autre programme se sert du scanner.", "Attendez qu'il ait fini, ou fermez-le, puis « Continuer »."),
                    ("Another program uses the scanner.", "Wait until it is done, or close it, then “Continue”."),
                ),
                (
                    "denied",
                    (
                        "Le poste n'a pas le droit de se servir du scanner.",
                        "Ajoutez le compte de Sceau au groupe « scanner », puis relancez.",
                    ),
                    ("This account may not use the scanner.", "Add the account of Sceau to the group “scanner”, then start again."),
                ),
                (
                    "device-lost",
                    (
                        "Le scanner ne répond plus. Dernière page bonne : {good}.",
                        "Vérifiez qu'il est allumé et relié, remettez la feuille {next}, puis « Continuer ».",
                    ),
                    (
                        "The scanner does not answer any more. Last good page: {good}.",
                        "See that it is switched on and connected, put sheet {next} back, then “Continue”.",
                    ),
                ),
                (
                    "failed",
                    (
                        "Le scanner s'est arrêté sans dire pourquoi. Dernière page bonne : {good}.",
                        "Remettez la feuille {next}, puis « Continuer » ; si cela se répète, éteignez et rallumez le scanner.",
                    ),
                    (
                        "The scanner stopped without saying why. Last good page: {good}.",
                        "Put sheet {next} back, then “Continue”; if it happens again, switch the scanner off and on.",
                    ),
                ),
                (
                    "next-sheet",
                    ("La page {good} est prise.", "Posez la feuille suivante, puis « Continuer » ; ou « Terminer »."),
                    ("Page {good} is taken.", "Put the next sheet down, then “Continue”; or “Finish”."),
                ),
                (
                    "disk-full",
                    ("Le disque est plein : le scanner attend. Dernière page bonne : {good}.", "Libérez de la place, puis « Continuer »."),
                    ("The disk is full: the scanner waits. Last good page: {good}.", "Free some space, then “Continue”."),
                ),
                (
                    "no-folder",
                    (
                        "Le dossier de la station ne peut pas recevoir de page.",
                        "Vérifiez qu'il existe et que Sceau peut y écrire, puis relancez.",
                    ),
                    ("The station's folder cannot take a page.", "See that it exists and that Sceau may write to it, then start again."),
                ),
                (
                    "no-program",
                    (
                        "Le programme qui parle aux scanners n'est pas installé.",
                        "Faites installer sane-utils et sane-airscan (sceau doctor dit comment) ; les dossiers marchent sans lui.",
                    ),
                    (
                        "The program that speaks to scanners is not installed.",
                        "Have sane-utils and sane-airscan installed (sceau doctor says how); folders work without it.",
                    ),
                ),
                (
                    "not-found",
                    ("Ce scanner n'est pas là.", "Vérifiez qu'il est allumé et relié, puis choisissez-le dans la liste (sceau scanners)."),
                    (
                        "This scanner is not there.",
                        "See that it is switched on and connected, then choose it from the list (sceau scanners).",
                    ),
                ),
                (
                    "choose",
                    ("Il y a plusieurs scanners.", "Choisissez-en un (sceau scanners les montre, --device le nomme)."),
                    ("There are several scanners.", "Choose one (sceau scanners shows them, --device names it)."),
                ),
                (
                    "no-colour",
                    ("Ce scanner n'offre pas la couleur.", "Prenez un autre appareil : une copie fidèle garde les couleurs."),
                    ("This scanner offers no colour.", "Take another device: a faithful copy keeps the colours."),
                ),
                (
                    "too-coarse",
                    (
                        "Ce scanner n'atteint pas la résolution de votre politique.",
                        "Prenez un autre appareil, ou changez la politique de la maison.",
                    ),
                    (
                        "This scanner does not reach the resolution of your policy.",
                        "Take another device, or change the policy of the house.",
                    ),
                ),
                (
                    "no-lossless",
                    (
                        "Ce scanner n'envoie que des images comprimées avec perte.",
                        "Prenez un autre appareil, ou faites-le écrire du TIFF sans compression dans le dossier.",
                    ),
                    (
                        "This scanner only sends images compressed with loss.",
                        "Take another device, or have it write plain TIFF into the folder.",
                    ),
                ),
                (
                    "only-jpeg",
                    (
                        "Par le réseau, ce scanner n'envoie que du JPEG, qui perd de l'image.",
                        "Reliez-le par USB, ou faites-le écrire du TIFF ou du PNG dans le dossier de la station.",
                    ),
                    (
                        "Over the network this scanner only sends JPEG, which loses some of the image.",
                        "Connect it by USB, or have it write TIFF or PNG into the station's folder.",
                    ),
                ),
                (
                    "no-source",
                    ("Ce scanner n'a pas cette entrée.", "Choisissez une de celles qu'il offre (sceau scanners)."),
                    ("This scanner has no such source.", "Choose one that it offers (sceau scanners)."),
                ),
                (
                    "no-8-bit",
                    ("Ce scanner n'offre pas 8 bits par couleur.", "Prenez un autre appareil."),
                    ("This scanner does not offer 8 bits per colour.", "Take another device."),
                ),
            )
        ),
        *(
            Problem(f"mailbox-{code}", fr[0], MAIL_FR, fr[1], en[0], MAIL_EN, en[1])
            for code, fr, en in (
                (
                    "reader",
                    (
                        "Aucun message ne peut être lu sur cette machine.",
                        "Libérez de la mémoire ou relancez Sceau (le journal dit pourquoi) ; Sceau réessaie de lui-même.",
                    ),
                    (
                        "No message can be read on this machine.",
                        "Free some memory or start Sceau again (the log says why); Sceau tries again by itself.",
                    ),
                ),
                (
                    "unreachable",
                    (
                        "Le serveur de messagerie ne répond pas.",
                        "Rien à faire : Sceau réessaie ; si cela dure, vérifiez host, port et réseau.",
                    ),
                    ("The mail server does not answer.", "Nothing to do: Sceau tries again; if it lasts, check host, port and network."),
                ),
                (
                    "refused",
                    (
                        "Le serveur de messagerie refuse le compte ou son mot de passe.",
                        "Vérifiez user et la variable {variable}, puis relancez Sceau.",
                    ),
                    (
                        "The mail server refuses the account or its password.",
                        "Check user and the variable {variable}, then start Sceau again.",
                    ),
                ),
                (
                    "no-password",
                    ("Le mot de passe de la messagerie manque.", "Mettez-le dans la variable {variable}, puis relancez Sceau."),
                    ("The password of the mailbox is missing.", "Put it into the variable {variable}, then start Sceau again."),
                ),
                (
                    "no-folder",
                    ("La messagerie n'a pas ce dossier, ou il ne s'ouvre pas.", "Vérifiez « mailbox » dans sceau.toml."),
                    ("The mailbox has no such folder, or it does not open.", "Check “mailbox” in sceau.toml."),
                ),
                (
                    "tls",
                    ("L'identité du serveur de messagerie n'est pas prouvée.", "Faites vérifier son certificat ; Sceau n'a rien envoyé."),
                    ("The identity of the mail server is not proved.", "Have its certificate checked; Sceau has sent nothing."),
                ),
                (
                    "clear-text",
                    (
                        "Le serveur de messagerie n'offre pas de liaison chiffrée : le mot de passe n'a pas été envoyé.",
                        "Mettez tls = true, ou prenez un serveur qui offre STARTTLS.",
                    ),
                    (
                        "The mail server offers no encrypted connection: the password was not sent.",
                        "Set tls = true, or take a server that offers STARTTLS.",
                    ),
                ),
                (
                    "failed",
                    (
                        "Le serveur de messagerie a répondu autrement que prévu.",
                        "Rien à faire : Sceau réessaie ; si cela dure, lancez sceau doctor.",
                    ),
                    ("The mail server answered in an unexpected way.", "Nothing to do: Sceau tries again; if it lasts, run sceau doctor."),
                ),
            )
        ),
        _problem(
            "tree-contradicted",
            (
                "Le registre est plus petit que le dernier attesté, ou autre : aucun point de contrôle n'est signé.",
                "Arrêtez Sceau et restaurez la sauvegarde la plus récente ; « sceau ledger » dit qui a vu quoi.",
            ),
            (
                "The ledger is smaller than last witnessed, or another: no checkpoint is signed.",
                "Stop Sceau and restore the newest backup; “sceau ledger” says who saw what.",
            ),
        ),
        Problem(
            "database-address",
            "L'adresse de la base (database_url) n'est ni celle de SQLite ni celle d'un serveur PostgreSQL.",
            KEPT_FR,
            "Écrivez postgresql://COMPTE@SERVEUR:5432/BASE ; sans database_url, la base est un fichier sous SCEAU_HOME.",
            "The database's address (database_url) is neither SQLite's nor that of a PostgreSQL server.",
            KEPT_EN,
            "Write postgresql://ACCOUNT@SERVER:5432/DATABASE; without database_url the database is a file under SCEAU_HOME.",
        ),
        Problem(
            "database-away",
            "Le serveur de la base ne répond pas, ou la connexion a été coupée.",
            KEPT_FR,
            "Vérifiez qu'il tourne et que le réseau y mène ; dès qu'il répond, le travail reprend tout seul.",
            "The database server does not answer, or the connection was cut.",
            KEPT_EN,
            "Check that it runs and that the network leads there; as soon as it answers, the work goes on by itself.",
            timedelta(seconds=30),
        ),
        Problem(
            "database-disk",
            "Le fichier de la base ne s'ouvre pas, ou son disque ne répond pas comme il faut.",
            KEPT_FR,
            "Vérifiez ce disque : plein, en lecture seule, débranché ou en panne ; dès qu'il sert à nouveau, le travail reprend tout seul.",
            "The database file does not open, or its disk does not answer as it should.",
            KEPT_EN,
            "Check that disk: full, read-only, unplugged or failing; as soon as it serves again, the work goes on by itself.",
            timedelta(seconds=30),
        ),
        Problem(
            "database-waiting",
            "Un autre processus de Sceau a tenu la base trop longtemps.",
            KEPT_FR,
            "Le travail reprend tout seul ; si cela dure, un poste est peut-être gelé : sceau status dit lesquels vivent.",
            "Another process of Sceau held the database too long.",
            KEPT_EN,
            "The work goes on by itself; if it lasts, a worker may be frozen: sceau status says which are alive.",
            timedelta(seconds=30),
        ),
        Problem(
            "database-crowded",
            "Le serveur de la base n'accepte plus de connexion : toutes sont prises.",
            KEPT_FR,
            "Augmentez max_connections du serveur (comptez 50 par processus de Sceau), ou arrêtez un poste de travail.",
            "The database server takes no further connection: all are in use.",
            KEPT_EN,
            "Raise the server's max_connections (count 50 for each process of Sceau), or stop a worker.",
            timedelta(seconds=30),
        ),
        Problem(
            "database-login",
            "Le serveur de la base refuse le compte ou le mot de passe.",
            KEPT_FR,
            "Vérifiez le compte dans database_url, SCEAU_DATABASE_PASSWORD et le pg_hba.conf du serveur.",
            "The database server refuses the account or the password.",
            KEPT_EN,
            "Check the account in database_url, SCEAU_DATABASE_PASSWORD and the server's pg_hba.conf.",
        ),
        Problem(
            "database-missing",
            "Le serveur répond, mais il n'a pas de base de ce nom.",
            KEPT_FR,
            "Faites-la : createdb --owner COMPTE --encoding UTF8 --template template0 BASE.",
            "The server answers, but has no database of that name.",
            KEPT_EN,
            "Make it: createdb --owner ACCOUNT --encoding UTF8 --template template0 DATABASE.",
        ),
        Problem(
            "database-rights",
            "Le compte n'a pas le droit de faire ou de changer des tables dans cette base.",
            KEPT_FR,
            "Donnez-lui la base : ALTER DATABASE BASE OWNER TO COMPTE.",
            "The account may not make or change tables in this database.",
            KEPT_EN,
            "Give it the database: ALTER DATABASE DATABASE OWNER TO ACCOUNT.",
        ),
        Problem(
            "database-old",
            "Le serveur PostgreSQL est trop ancien : il faut la version 14 au moins.",
            KEPT_FR,
            "Mettez le serveur à jour ; rien n'y a été écrit.",
            "The PostgreSQL server is too old: version 14 at least is needed.",
            KEPT_EN,
            "Upgrade the server; nothing was written there.",
        ),
        Problem(
            "database-encoding",
            "La base n'est pas en UTF-8 : des noms y seraient abîmés.",
            KEPT_FR,
            "Faites-en une autre : createdb --owner COMPTE --encoding UTF8 --template template0 BASE.",
            "The database is not in UTF-8: names would be damaged.",
            KEPT_EN,
            "Make another: createdb --owner ACCOUNT --encoding UTF8 --template template0 DATABASE.",
        ),
        Problem(
            "database-standby",
            "Ce serveur n'accepte pas d'écriture : c'est une copie en attente, ou il est réglé en lecture seule.",
            KEPT_FR,
            "Donnez dans database_url l'adresse du serveur principal, ou remettez default_transaction_read_only à off.",
            "This server takes no writing: it is a standby, or set to be read only.",
            KEPT_EN,
            "Give the address of the primary server in database_url, or set default_transaction_read_only to off again.",
            timedelta(seconds=30),
        ),
        Problem(
            "database-moved",
            "Les données de ce poste ont été portées dans une autre base ; celle-ci reste telle quelle et n'est plus écrite.",
            KEPT_FR,
            "Donnez dans sceau.toml la ligne database_url que « sceau move » a indiquée.",
            "The records of this station were carried into another database; this one stays as it is and is written no more.",
            KEPT_EN,
            "Put the line database_url into sceau.toml that “sceau move” told.",
        ),
        Problem(
            "database-moving",
            "Les données de ce poste sont en train d'être portées dans une autre base.",
            KEPT_FR,
            "Relancez « sceau move » avec la même adresse : il reprend où il en était. « sceau move --undo » y renonce.",
            "The records of this station are being carried into another database.",
            KEPT_EN,
            "Run “sceau move” again with the same address: it goes on where it was. “sceau move --undo” gives it up.",
        ),
        Problem(
            "database-halfway",
            "Cette base est en cours de remplissage par « sceau move » : elle ne peut pas encore servir.",
            KEPT_FR,
            "Laissez finir « sceau move », ou relancez-le depuis l'ancien réglage.",
            "This database is being filled by “sceau move”: it cannot serve yet.",
            KEPT_EN,
            "Let “sceau move” finish, or run it again from the former setting.",
        ),
        _problem(
            "unexpected",
            ("Une erreur imprévue a arrêté le traitement.", "Réessayez ; le détail technique est au journal du poste."),
            ("An unexpected error stopped the work.", "Retry; the technical details are in the station's log."),
        ),
    )
}


def problem_of(error: BaseException) -> Problem:
    """Words for any trouble; what has none of its own is `unexpected`."""
    name = type(error).__name__
    if _no_room(error):
        return PROBLEMS["disk-full"]
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return PROBLEMS["read-only"]
    if name in ("KeyRefused", "DatabaseRefused"):
        # By its name as all others are: loading its module costs a fifth of a second.
        return PROBLEMS[error.args[0]]
    if isinstance(error, DBAPIError) and (code := _file_trouble(error) or _server_trouble(error)):
        return PROBLEMS[code]
    if isinstance(error, PoolExhausted):
        # By its class: the interpreter has a TimeoutError, too. Connections that wait for a server that is gone are all in use.
        return PROBLEMS["database-away"]
    return PROBLEMS[_BY_NAME.get(name, "unexpected")]


def _no_room(error: BaseException) -> bool:
    """A full disk, as the system says it and as SQLite and PostgreSQL (class 53100) do."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, DBAPIError):
        return "disk is full" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "53100"
    return False


def _file_trouble(error: DBAPIError) -> str:
    """Why a file of SQLite does not serve, by the primary result code (sqlite.org/rescode.html); "" of all else.

    One that lies on a disk that takes no writing is not opened at all where the memory beside it, `-shm`, was to be made anew.
    """
    return _FILE_TROUBLES.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF, "")


def _server_trouble(error: DBAPIError) -> str:
    """Why a PostgreSQL server does not serve; "" of all else. Refused at the door it gives no SQLSTATE, only words in its own language."""
    state = getattr(error.orig, "sqlstate", None) or ""
    told = str(error.orig)
    for code, states, words in _SERVER_TROUBLES:
        if state.startswith(states) or (not state and words.search(told)):
            return code
    return "database-away" if error.connection_invalidated else ""


_FILE_TROUBLES = {
    sqlite3.SQLITE_BUSY: "database-waiting",
    sqlite3.SQLITE_LOCKED: "database-waiting",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_IOERR: "database-disk",
    sqlite3.SQLITE_CANTOPEN: "database-disk",
}

_SERVER_TROUBLES = tuple(
    (code, states, re.compile(words))
    for code, states, words in (
        (
            "database-crowded",
            ("53300",),
            "too many (clients|connections)|connection slots|trop de (clients|connexions)|emplacements de connexion",
        ),
        (
            "database-login",
            ("28",),
            r"authentication failed|no password supplied|role \".*\" does not exist|no pg_hba\.conf entry"
            "|authentification .*chou|rôle « .* » n'existe pas|aucune entrée dans pg_hba\\.conf",
        ),
        ("database-missing", ("3D000",), r'database ".*" does not exist|base de données « .* » n.existe pas'),
        ("database-rights", ("42501",), "^permission denied|^droit refusé"),
        ("database-standby", ("25006",), "^cannot execute .* in a read-only transaction"),
        ("database-waiting", ("55P03", "25P03"), "$^"),
        (
            "database-away",
            ("08", "57P"),
            "connection (failed|refused|timeout|is bad)|resolve host|closed the connection|the connection is (closed|lost)",
        ),
    )
)
"""Code, the SQLSTATEs it begins with, and the words of servers that speak English or French, and of the driver."""

_BY_NAME = {
    "DiskFull": "disk-full",
    "StoreAway": "store-away",
    "StillLocked": "store-locked",
    "StoreUnfit": "store-unfit",
    "TimestampUnavailable": "timestamp-unavailable",
    "ClockWrong": "clock-wrong",
    "ClockStepped": "clock-stepped",
    "UnusableKey": "key-unusable",
    "KeyAway": "key-away",
    "CannotSeal": "cannot-seal",
    "CannotArchive": "cannot-archive",
    "Undecodable": "cannot-archive",
    "PoisonPage": "poison-page",
    "OverBudget": "over-budget",
    "DamagedOriginal": "vault-damaged",
    "NothingQualified": "nothing-qualified",
    "NoMandate": "no-mandate",
    "TreeContradicted": "tree-contradicted",
    "NoDossier": "no-dossier",
    "BadLadders": "reminders-unreadable",
    "BadTemplate": "reminders-unreadable",
    "NoBusinessDay": "reminders-unreadable",
}
