"""Words of the package: how to check it, in two languages, and what is said where it cannot be made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from station.packaging.gaps import GAPS, WITHHELD

FRENCH = """\
DOSSIER POUR LE CONTRÔLE – {entity}
{scope}

Ce que contient ce dossier
  index.csv, index.json      une ligne par document scellé
  documents/                 les fichiers scellés (PDF/A-3) et, pour chacun, sa piste (trail.json) ; celui d'une facture
                             électronique contient en pièce jointe le fichier natif (XML ou PDF), octet pour octet tel que reçu
  ledger/                    les écritures du registre, ses points de contrôle et leurs preuves
  controls/, organisation/   le plan de contrôle et ses résultats, le dossier d'organisation
  scanners/                  les passeports des scanners
  statistics.csv             les nombres, et ce qui n'est pas enregistré ici (lacunes)
  manifest.sha256            l'empreinte de chaque fichier, signée (.note) et scellée (.p7s)

Le vérifier sans notre logiciel et sans réseau
  1. Ouvrez verifier.html dans un navigateur et déposez-y ce dossier (ZIP), puis ses volumes s'il y en a.
  2. Ou, avec Python 3.9 ou plus récent et la bibliothèque « cryptography » :  python verify.py {name}
  3. Ou, pour les seules empreintes, le tout décompressé dans un même dossier :  sha256sum -c manifest.sha256

La confiance commence hors de ce dossier : comparez l'empreinte de la clé ci-dessous avec celle que
l'entreprise a publiée, déclarée ou confiée à un témoin.
  {keys}
{trial}"""

ENGLISH = """\
PACKAGE FOR THE AUDITOR – {entity}
{scope}

What is in here
  index.csv, index.json      one row per sealed document
  documents/                 the sealed files (PDF/A-3) and the story of each (trail.json); that of an electronic invoice
                             holds the native file (XML or PDF) as an attachment, byte for byte as it was received
  ledger/                    the entries of the ledger, its checkpoints and their proofs
  controls/, organisation/   the control plan and its results, the organisation dossier
  scanners/                  the passports of the scanners
  statistics.csv             counts, and what is not recorded here (gaps)
  manifest.sha256            the fingerprint of every file, signed (.note) and sealed (.p7s)

To check it without our software and without a network
  1. Open verifier.html in a browser and drop this package (ZIP) on it, then its volumes if there are any.
  2. Or, with Python 3.9 or later and the library "cryptography":  python verify.py {name}
  3. Or, for the fingerprints alone, with everything unpacked into one folder:  sha256sum -c manifest.sha256

Trust begins outside this package: compare the fingerprint of the key below with the one that
the company published, declared or gave to a witness.
  {keys}
{trial}"""

TRIAL = (
    "\nESSAI : scellé avec des clés d'essai, sans valeur probante.\n",
    "\nTRIAL: sealed with practice keys, it proves nothing to others.\n",
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """The same in both languages; places in braces."""

    french: str
    english: str

    def words(self, language: str, **places: object) -> str:
        return (self.english if language == "en" else self.french).format(**places)


REFUSALS: dict[str, Sentence] = {
    "empty-period": Sentence(
        "Aucun document n'a été scellé {scope} pour « {entity} ». Rien n'a été écrit, rien n'est perdu. Choisissez une autre période.",
        'No document was sealed {scope} for "{entity}". Nothing was written, nothing is lost. Choose another period.',
    ),
    "no-document": Sentence(
        "Aucun document scellé n'a le numéro {scope}. Rien n'a été écrit, rien n'est perdu. Vérifiez le numéro sur la page du document.",
        "No sealed document has the number {scope}. Nothing was written, nothing is lost. Check the number on the document's page.",
    ),
    "confidential": Sentence(
        "Le document {scope} est un pli confidentiel : il n'est montré à personne, et ne s'exporte pas. Rien n'a été écrit. "
        "Levez la confidentialité, avec un motif, si elle n'a plus lieu d'être.",
        "The document {scope} is confidential: it is shown to nobody and not exported. Nothing was written. "
        "Lift the confidentiality, with a reason, if there is none any more.",
    ),
    "nothing-whole": Sentence(
        "Aucun fichier scellé du document {scope} n'est intact au coffre. Rien n'a été écrit. "
        "Lancez « sceau verify --ledger », et restaurez la sauvegarde.",
        "No sealed file of the document {scope} is intact in the vault. Nothing was written. "
        'Run "sceau verify --ledger", and restore the backup.',
    ),
    "target-exists": Sentence(
        "{path} existe déjà. Il n'a pas été touché, rien n'est perdu. Choisissez un autre nom, ou ajoutez --force pour le remplacer.",
        "{path} exists already. It was not touched, nothing is lost. Choose another name, or add --force to replace it.",
    ),
    "not-a-file": Sentence(
        "{path} n'est pas un fichier (dossier, périphérique ou lien vers rien) : un dossier pour le contrôle ne s'écrit pas là, même avec "
        "--force. Rien n'a été touché, rien n'est perdu. Choisissez un autre nom.",
        "{path} is no file (a folder, a device or a link to nothing): a package is not written there, not even with --force. "
        "Nothing was touched, nothing is lost. Choose another name.",
    ),
    "target-busy": Sentence(
        "Un autre export écrit déjà {path}. Il continue, et celui-ci n'a rien écrit ; rien n'est perdu. Attendez sa fin, ou choisissez "
        "un autre nom.",
        "Another export is writing {path} already. It goes on, and this one wrote nothing; nothing is lost. Wait until it is done, or "
        "choose another name.",
    ),
    "no-verifier": Sentence(
        "Le vérificateur {name} n'est pas installé ici : sans lui, le dossier ne pourrait pas être contrôlé. Rien n'a été écrit, rien "
        "n'est perdu. Relancez la mise en place (make setup), puis l'export.",
        "The verifier {name} is not installed here: without it nobody could check the package. Nothing was written, nothing is lost. "
        "Run the set-up again (make setup), then the export.",
    ),
    "no-room": Sentence(
        "Il faut environ {needed} et il reste {free} là où le dossier doit être écrit. Rien n'a été écrit, rien n'est perdu. "
        "Libérez de la place ou choisissez un autre disque.",
        "About {needed} are needed and {free} are left where the package is to be written. Nothing was written, nothing is lost. "
        "Free some space or choose another disk.",
    ),
    "disk-full": Sentence(
        "Le disque s'est rempli pendant l'écriture. L'ébauche a été effacée, rien n'est perdu. "
        "Libérez de la place ou choisissez un autre disque.",
        "The disk filled up while writing. The draft was removed, nothing is lost. Free some space or choose another disk.",
    ),
    "file-too-large": Sentence(
        "Ce disque n'accepte pas un fichier aussi grand. L'ébauche a été effacée, rien n'est perdu. Demandez des volumes plus petits "
        "(--volume-size), ou choisissez un autre disque.",
        "This disk takes no file of that size. The draft was removed, nothing is lost. Ask for smaller volumes (--volume-size), or "
        "choose another disk.",
    ),
    "no-folder": Sentence(
        "Le dossier {folder} n'existe pas. Rien n'a été écrit, rien n'est perdu. Créez-le, ou choisissez-en un autre.",
        "The folder {folder} does not exist. Nothing was written, nothing is lost. Create it, or choose another one.",
    ),
    "not-allowed": Sentence(
        "Sceau n'a pas le droit d'écrire dans {folder}. Rien n'est perdu. Faites-vous donner ce droit, ou choisissez un autre dossier.",
        "Sceau may not write to {folder}. Nothing is lost. Have this right given to you, or choose another folder.",
    ),
    "scratch-broken": Sentence(
        "Le fichier de travail de l'export, à côté de {path}, n'a pas pu être écrit ou relu. L'ébauche a été effacée, rien n'est perdu. "
        "Choisissez un autre disque ; si cela se répète, lancez « sceau doctor ».",
        "The export's scratch file beside {path} could not be written or read again. The draft was removed, nothing is lost. "
        'Choose another disk; if it happens again, run "sceau doctor".',
    ),
    "unwritable": Sentence(
        "{path} ne peut pas être écrit ({detail}). Rien n'est perdu. Choisissez un dossier qui existe et où vous pouvez écrire.",
        "{path} cannot be written ({detail}). Nothing is lost. Choose a folder that exists and in which you may write.",
    ),
    "cannot-seal": Sentence(
        "Le manifeste n'a pas pu être scellé ou horodaté ({detail}). L'ébauche a été effacée, rien n'est perdu. "
        "Réessayez ; si cela se répète, lancez « sceau doctor ».",
        "The manifest could not be sealed or timestamped ({detail}). The draft was removed, nothing is lost. "
        'Retry; if it happens again, run "sceau doctor".',
    ),
    "log-contradicted": Sentence(
        "Le registre n'est plus celui qu'un témoin a vu ({detail}). Rien n'a été écrit. Restaurez la bonne sauvegarde, ou lancez "
        "« sceau verify --ledger » pour savoir ce qui diffère.",
        "The ledger is no longer the one that a witness has seen ({detail}). Nothing was written. Restore the right backup, or run "
        '"sceau verify --ledger" to learn what differs.',
    ),
    "ledger-broken": Sentence(
        "Le registre ne se tient plus ({detail}). Rien n'a été écrit. Lancez « sceau verify --ledger », et restaurez la bonne sauvegarde.",
        'The ledger no longer holds ({detail}). Nothing was written. Run "sceau verify --ledger", and restore the right backup.',
    ),
    "changed-meanwhile": Sentence(
        "Un fichier du coffre a changé pendant l'export ({detail}). L'ébauche a été effacée. Lancez « sceau verify --ledger ».",
        'A file of the vault changed during the export ({detail}). The draft was removed. Run "sceau verify --ledger".',
    ),
    "cancelled": Sentence(
        "L'export a été arrêté. L'ébauche a été effacée, rien n'est perdu.",
        "The export was stopped. The draft was removed, nothing is lost.",
    ),
}


_DONE = {
    "fr": "{paths} : {documents} documents, {files} fichiers scellés, {size} Mo",
    "en": "{paths}: {documents} documents, {files} sealed files, {size} MB",
}


def exported_lines(told: Mapping[str, Any], language: str) -> Iterator[str]:
    """What was written, what is not inside and what is not recorded, as a person reads it; `told` is `station.package.Exported` as JSON."""
    spoken = "en" if language == "en" else "fr"
    paths = ", ".join(told["paths"])
    yield _DONE[spoken].format(paths=paths, documents=told["documents"], files=told["files"], size=max(1, told["bytes"] // 1_000_000))
    for each in told["withheld"]:
        gap = GAPS[WITHHELD[each["reason"]]]
        yield f"  ✗ {each['document']} (n° {each['entry']}) : {gap.english if spoken == 'en' else gap.french}"
    for code, count in told["gaps"].items():
        yield f"  – {count} × {GAPS[code].english if spoken == 'en' else GAPS[code].french}"
