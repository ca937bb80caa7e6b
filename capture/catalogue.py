"""Every finding that Sceau can make: its usual level, who says so, and its words with the remedy, in French and in English.

`{measured}` and `{limit}` in a sentence are filled from the finding. Only what the law or its doctrine says is given as theirs;
resolution, sheet sizes and safety caps are the house policy of the installation.
"""

import re
from dataclasses import dataclass

from capture.findings import Authority, Certainty, Finding, Level

INFO, REVIEW, BLOCKING = Level.INFO, Level.REVIEW, Level.BLOCKING
STRONG, INDICATOR = Certainty.STRONG, Certainty.INDICATOR
LAW, DOCTRINE, STANDARD, HOUSE = Authority.LAW, Authority.DOCTRINE, Authority.STANDARD, Authority.HOUSE


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of finding."""

    level: Level
    clause: str | None
    """Clause of art. A102 B-2 LPF, as numbered in the README."""
    authority: Authority
    fr: str
    en: str
    image: bool = False
    """About codec, resolution, colour or treatment: a person may decide to go on with the paper kept as the original."""
    certainty: Certainty = Certainty.FACT


CATALOGUE: dict[str, Entry] = {
    # --- the file as a container ---
    "empty-file": Entry(
        BLOCKING, "I-1", HOUSE,
        "Le fichier est vide (0 octet). Rescannez le document ; vérifiez que l’appareil a fini d’écrire et que le disque n’est pas plein.",
        "The file is empty (0 bytes). Scan the document again; check that the device finished writing and that the disk is not full.",
    ),
    "unknown-format": Entry(
        BLOCKING, "I-1", HOUSE,
        "Ce n’est ni un PDF ni une image reconnue, quoi que dise son nom ({limit}) : ses octets disent {measured}. Réglez "
        "l’appareil sur TIFF, PNG ou PDF, puis rescannez ; si c’est une facture électronique (XML), demandez le fichier au fournisseur.",
        "This is neither a PDF nor an image that can be read, whatever its name says ({limit}): its first bytes say {measured}. Set the "
        "device to TIFF, PNG or PDF and scan again; if it is an electronic invoice (XML), ask the supplier for the file.",
    ),
    "mislabelled": Entry(
        INFO, None, HOUSE,
        "L’extension annonce {limit}, les octets disent {measured} : le contenu fait foi. Corrigez le nom de fichier dans le "
        "profil de l’appareil.",
        "The extension says {limit}, the bytes say {measured}: the content is believed. Correct the file name in the device’s profile.",
    ),
    "encrypted": Entry(
        BLOCKING, "II-4", LAW,
        "Le PDF est protégé par un mot de passe : il resterait illisible. Désactivez le chiffrement sur l’appareil, puis rescannez.",
        "The PDF is protected by a password and would stay unreadable. Switch encryption off on the device and scan again.",
    ),
    "damaged": Entry(
        BLOCKING, "I-1", LAW,
        "Le fichier est abîmé ({measured}) : la page ne peut pas être lue en entier. Rescannez ; si cela revient, vérifiez "
        "réseau et disque.",
        "The file is damaged ({measured}): the page cannot be read in full. Scan again; if it happens again, check network and disk.",
    ),
    "repaired": Entry(
        REVIEW, "I-1", HOUSE,
        "La table interne du PDF a dû être reconstituée pour le lire ({measured}). Comparez le nombre de pages avec le papier, "
        "ou rescannez.",
        "The PDF’s internal table had to be rebuilt in order to read it ({measured}). Compare the number of pages with the "
        "paper, or scan again.",
    ),
    "truncated": Entry(
        BLOCKING, "I-1", LAW,
        "Le fichier s’arrête avant la fin ({measured}) : l’envoi a été coupé. Rescannez, ou recopiez le fichier en entier.",
        "The file stops before its end ({measured}): the transfer was cut. Scan again, or copy the whole file again.",
    ),
    "too-many-pages": Entry(
        BLOCKING, None, HOUSE,
        "Le fichier a plus de {limit} pages, la limite de votre installation. Scannez en plusieurs lots, ou relevez la limite.",
        "The file has more than {limit} pages, the limit of your installation. Scan in several batches, or raise the limit.",
    ),
    "image-bomb": Entry(
        BLOCKING, None, HOUSE,
        "La page annonce {measured} pixels, au-delà des {limit} admis : elle n’est pas ouverte. Rescannez à une taille normale "
        "(A4 à 300 ppp).",
        "The page announces {measured} pixels, beyond the {limit} allowed: it is not opened. Scan again at a normal size (A4 at 300 dpi).",
    ),
    "too-large": Entry(
        BLOCKING, None, HOUSE,
        "Le fichier est trop gros ({measured} ; limite de votre installation : {limit}). Scannez en plusieurs fichiers, ou "
        "relevez la limite.",
        "The file is too large ({measured}; limit of your installation: {limit}). Scan into several files, or raise the limit.",
    ),
    "bad-checksum": Entry(
        BLOCKING, "I-1", LAW,
        "Une somme de contrôle du fichier est fausse ({measured}) : des octets ont changé depuis le scanner. Rescannez.",
        "A checksum inside the file is wrong ({measured}): bytes have changed since the scanner. Scan again.",
    ),
    "surplus-data": Entry(
        BLOCKING, "I-1", HOUSE,
        "Derrière la dernière ligne de l’image, les données continuent ({measured}) : aucun lecteur ne les montre, et l’archive "
        "les garderait. Rescannez ; si cela revient, changez de format sur l’appareil (TIFF).",
        "The data go on behind the last row of the image ({measured}): no viewer shows them, and the archive would keep them. "
        "Scan again; if it happens again, choose another format on the device (TIFF).",
    ),
    "trailing-data": Entry(
        INFO, None, HOUSE,
        "Des octets suivent la fin de l’image ({measured}) : ils restent dans l’original, l’archive ne les prend pas. Rien à faire.",
        "Bytes follow the end of the image ({measured}): they stay in the original, the archive does not take them. Nothing to do.",
    ),
    "attached-files": Entry(
        INFO, None, HOUSE,
        "Des fichiers sont joints dans le PDF ({measured}). Ils restent dans l’original ; l’archive d’un scan ne montre que ses pages. "
        "Rien à faire, sauf si c’est une facture électronique : conservez alors le fichier d’origine.",
        "Files are attached inside the PDF ({measured}). They stay in the original; the archive of a scan shows its pages only. "
        "Nothing to do, unless it is an electronic invoice: then keep the native file.",
    ),
    "active-content": Entry(
        BLOCKING, None, HOUSE,
        "Le PDF contient un programme ({measured}) : ce n’est pas un simple scan. Rescannez le papier, ou demandez un PDF sans script.",
        "The PDF contains a program ({measured}): it is not a plain scan. Scan the paper again, or ask for a PDF without script.",
    ),
    # --- signatures that came with the file ---
    "signed-document": Entry(
        INFO, None, HOUSE,
        "Le PDF est signé électroniquement (signatures : {measured}). Le fichier est conservé à l’octet près ; l’archive en montre une "
        "vue, qui n’est pas elle-même signée. Rien à faire.",
        "The PDF is electronically signed (signatures: {measured}). The file is kept byte for byte; the archive shows a view of it, "
        "which is not itself signed. Nothing to do.",
    ),
    "signature-intact": Entry(
        INFO, None, HOUSE,
        "Signature intègre : les octets signés n’ont pas changé ({measured}). L’identité du signataire n’est que celle que son "
        "certificat affirme. Rien à faire.",
        "Signature intact: the signed bytes have not changed ({measured}). Who signed is only what the certificate says. Nothing to do.",
    ),
    "signature-broken": Entry(
        BLOCKING, None, HOUSE,
        "Signature altérée ({measured}). Le fichier reçu est conservé tel quel, rien n’est perdu. Demandez à l’émetteur de renvoyer "
        "le document, ou décidez de le traiter sans cette signature.",
        "Signature broken ({measured}). The file is kept as it came and nothing is lost. Ask the sender for the document again, or "
        "decide to go on without this signature.",
        image=True,
    ),
    "signature-unverifiable": Entry(
        REVIEW, None, HOUSE,
        "Une signature n’a pas pu être vérifiée ({measured}). Le fichier est conservé à l’octet près, rien n’est perdu. Faites-la "
        "vérifier ailleurs si le document en dépend.",
        "A signature could not be verified ({measured}). The file is kept byte for byte and nothing is lost. Have it verified elsewhere "
        "if the document depends on it.",
    ),
    # --- not a scan ---
    "electronic-document": Entry(
        BLOCKING, None, DOCTRINE,
        "Cette page est dessinée, non scannée ({measured}). Une facture électronique se conserve dans son fichier d’origine : "
        "l’art. A102 B-2 LPF ne s’y applique pas. Classez le fichier natif ; si un papier existe, scannez-le.",
        "This page is drawn, not scanned ({measured}). An electronic invoice is kept as its native file: "
        "art. A102 B-2 LPF does not apply to it. File the native file; if there is a paper, scan it.",
    ),
    "mixed-page": Entry(
        BLOCKING, "I-3", LAW,
        "La page n’est pas une seule image ({measured}) : le « PDF compact » (MRC) sépare fond et texte, un tampon s’ajoute au papier. "
        "Désactivez PDF compact et tampons ; choisissez TIFF sans compression ou LZW.",
        "The page is not one single image ({measured}): a “compact PDF” (MRC) splits background and text, a stamp adds to the paper. "
        "Switch compact PDF and stamps off; choose TIFF uncompressed or LZW.",
        image=True,
    ),
    # --- electronic invoices (EN 16931, Factur-X) ---
    "structured-invoice": Entry(
        INFO, None, STANDARD,
        "Le fichier est une facture électronique ({measured}) : elle est conservée à l’octet près et ses valeurs viennent d’elle, non de "
        "l’image. Règles appliquées : {limit}. Rien à faire.",
        "The file is an electronic invoice ({measured}): it is kept byte for byte, and its values come from it, not from the picture. "
        "Rules applied: {limit}. Nothing to do.",
    ),
    "structured-unreadable": Entry(
        REVIEW, None, STANDARD,
        "Le XML de la facture électronique ne se lit pas ({measured}). Le fichier est conservé tel quel, rien n’est perdu ; s’il a une "
        "page, c’est elle qui est lue. Demandez à l’émetteur un fichier correct.",
        "The XML of the electronic invoice cannot be read ({measured}). The file is kept as it came and nothing is lost; if it has a page, "
        "that is what is read. Ask the sender for a correct file.",
    ),
    "structured-invalid": Entry(
        REVIEW, None, STANDARD,
        "Le XML de la facture électronique ne suit pas son schéma {limit} ({measured}). Il est lu autant que possible ; rien n’est "
        "perdu. Vérifiez les valeurs et signalez l’erreur à l’émetteur.",
        "The XML of the electronic invoice does not follow its schema {limit} ({measured}). It is read as far as possible; nothing "
        "is lost. Check the values and tell the sender.",
    ),
    "structured-rule": Entry(
        REVIEW, None, STANDARD,
        "La facture électronique enfreint une règle de la norme ({measured} ; {limit}). Le fichier est conservé tel quel. Vérifiez la "
        "valeur en cause et signalez l’erreur à l’émetteur.",
        "The electronic invoice breaks a rule of the standard ({measured}; {limit}). The file is kept as it came. Check the value and tell "
        "the sender.",
    ),
    "structured-rule-france": Entry(
        INFO, None, STANDARD,
        "La facture électronique enfreint une règle française de la réforme ({measured} ; {limit}). Elle est traitée quand même. "
        "Signalez-le à l’émetteur : sa plateforme agréée pourrait la refuser.",
        "The electronic invoice breaks a French rule of the reform ({measured}; {limit}). It is processed all the same. Tell the sender: "
        "their platform might refuse it.",
    ),
    "structured-unchecked": Entry(
        REVIEW, None, HOUSE,
        "La facture électronique n’a pas pu être contrôlée selon les règles de la norme ({measured}). Elle est lue et conservée ; rien "
        "n’est perdu. Relancez le contrôle plus tard, ou vérifiez les montants.",
        "The electronic invoice could not be checked against the rules of the standard ({measured}). It is read and kept; nothing is lost. "
        "Check it again later, or check the amounts.",
    ),
    "structured-differs": Entry(
        REVIEW, None, STANDARD,
        "La page montre autre chose que la facture électronique : « {measured} » sur la page, « {limit} » dans le XML. C’est le XML qui "
        "fait foi ici ; ne payez pas avant d’avoir demandé à l’émetteur laquelle des deux valeurs est la bonne.",
        "The page shows something else than the electronic invoice: “{measured}” on the page, “{limit}” in the XML. The XML is what counts "
        "here; do not pay before the sender has said which of the two is right.",
    ),
    # --- codec ---
    "lossy-compression": Entry(
        BLOCKING, "I-4", LAW,
        "La compression {measured} perd des détails ; l’arrêté demande une compression sans perte. "
        "Sur l’appareil, choisissez TIFF sans compression ou LZW, ou PNG — jamais JPEG.",
        "{measured} compression loses detail; the arrêté asks for lossless compression. "
        "On the device choose TIFF uncompressed or LZW, or PNG — never JPEG.",
        image=True,
    ),
    "lossy-history": Entry(
        BLOCKING, "I-4", LAW,
        "L’image est enregistrée sans perte, mais ses pixels portent la trame 8 × 8 d’un JPEG antérieur ({measured}). "
        "Désactivez JPEG dans l’appareil et son pilote ; choisissez TIFF sans compression ou LZW.",
        "The image is stored without loss, but its pixels carry the 8 × 8 grid of an earlier JPEG ({measured}). "
        "Switch JPEG off in the device and its driver; choose TIFF uncompressed or LZW.",
        image=True, certainty=STRONG,
    ),
    "symbol-compression": Entry(
        BLOCKING, "I-4", LAW,
        "JBIG2 par symboles peut remplacer un caractère par un autre : rien ne prouve l’identité. "
        "Désactivez JBIG2 ; choisissez TIFF sans compression ou LZW, en couleur.",
        "JBIG2 with symbols can replace one character by another: nothing proves identity. "
        "Switch JBIG2 off; choose TIFF uncompressed or LZW, in colour.",
        image=True,
    ),
    "unproven-compression": Entry(
        BLOCKING, "I-4", LAW,
        "Les octets ne prouvent pas que la compression {measured} est sans perte. Choisissez TIFF sans compression ou LZW.",
        "The bytes do not prove that {measured} compression is lossless. Choose TIFF uncompressed or LZW.",
        image=True,
    ),
    # --- colour ---
    "grey-image": Entry(
        BLOCKING, "I-2", DOCTRINE,
        "La page est en niveaux de gris : tampons, signatures et montants en couleur sont perdus. Réglez l’appareil sur couleur 24 bits, "
        "ou décidez, avec un motif, que la couleur n’a pas de sens ici.",
        "The page is in shades of grey: coloured stamps, signatures and amounts are lost. Set the device to 24-bit colour, "
        "or decide, with a reason, that colour carries no meaning here.",
        image=True,
    ),
    "bilevel-image": Entry(
        BLOCKING, "I-2", DOCTRINE,
        "La page est en noir et blanc : le codage ({measured}) est sans perte, les couleurs sont perdues. Réglez l’appareil "
        "sur couleur 24 bits.",
        "The page is black and white: the coding ({measured}) loses nothing, the colours are lost. Set the device to 24-bit colour.",
        image=True,
    ),
    "palette-image": Entry(
        BLOCKING, "I-2", LAW,
        "La page est réduite à une palette de couleurs : les nuances du papier sont perdues. Réglez l’appareil sur couleur 24 bits.",
        "The page is reduced to a palette: the paper’s shades are lost. Set the device to 24-bit colour.",
        image=True,
    ),
    "few-bits": Entry(
        BLOCKING, "I-2", HOUSE,
        "Chaque couleur n’a que {measured} bits ; votre politique en demande {limit}. Réglez l’appareil sur couleur 24 bits.",
        "Each colour has only {measured} bits; your policy asks for {limit}. Set the device to 24-bit colour.",
        image=True,
    ),
    "few-levels": Entry(
        BLOCKING, "I-3", LAW,
        "L’image n’a que {measured} niveaux : elle a été seuillée. Désactivez « noir et blanc » et « amélioration du texte », "
        "puis rescannez en couleur.",
        "The image has only {measured} levels: it was thresholded. Switch “black and white” and “text enhancement” off and scan in colour.",
        image=True,
    ),
    "grey-in-colour": Entry(
        BLOCKING, "I-2", DOCTRINE,
        "Le fichier est en couleur, mais tous ses pixels sont gris : la couleur a été perdue avant l’enregistrement. "
        "Réglez la numérisation elle-même sur couleur 24 bits, non le seul format de fichier.",
        "The file is in colour but all its pixels are grey: colour was lost before saving. "
        "Set the scan itself to 24-bit colour, not only the file format.",
        image=True,
    ),
    "colour-tolerated": Entry(
        INFO, "I-2", DOCTRINE,
        "Page sans couleur, admise par {limit} (« {measured} »). Ce qui aurait eu un sens en couleur (montant en rouge, tampon, signature, "
        "note) ne se voit plus ici : au moindre doute, comparez au papier ou rescannez en couleur.",
        "A page without colour, accepted by {limit} (“{measured}”). What would have had a meaning in colour (an amount in red, a stamp, "
        "a signature, a note) can no longer be seen here: in doubt compare with the paper, or scan again in colour.",
    ),
    # --- nature of the source ---
    "print-of-electronic": Entry(
        BLOCKING, "I-1", LAW,
        "Ce papier est l’impression d’une facture électronique : sa numérisation ne peut pas être une copie conforme, c’est le fichier "
        "natif qui se conserve (L. 102 B LPF). Demandez-le à l’émetteur et déposez-le tel quel.",
        "This paper is the print of an electronic invoice: its scan can be no true copy, it is the native file that is kept "
        "(L. 102 B LPF). Ask the issuer for it and put it in as it is.",
    ),
    "source-unknown": Entry(
        BLOCKING, "I-1", HOUSE,
        "Nul n’a dit si ce papier est un original ou l’impression d’une facture électronique. Dites-le sur la page du document : "
        "il est contrôlé de nouveau aussitôt.",
        "Nobody has said whether this paper is an original or the print of an electronic invoice. Say so on the document’s page: "
        "it is judged again at once.",
    ),
    # --- resolution ---
    "too-coarse": Entry(
        BLOCKING, None, HOUSE,
        "Résolution mesurée : {measured} ppp ; votre politique demande {limit} ppp (la loi ne fixe pas de chiffre). Réglez "
        "l’appareil sur 300 ppp.",
        "Measured resolution: {measured} dpi; your policy asks for {limit} dpi (the law gives no figure). Set the device to 300 dpi.",
        image=True,
    ),
    "resolution-unknown": Entry(
        BLOCKING, None, HOUSE,
        "Le fichier ne dit pas sa résolution et {measured} pixels ne correspondent à aucune feuille à {limit} ppp, selon votre politique. "
        "Choisissez TIFF ou PNG avec la résolution, puis rescannez à 300 ppp.",
        "The file does not give its resolution, and {measured} pixels fit no known sheet at {limit} dpi, by your policy. "
        "Choose TIFF or PNG with resolution and scan again at 300 dpi.",
        image=True,
    ),
    "resolution-unwritten": Entry(
        INFO, None, HOUSE,
        "Ce fichier JPEG 2000 n’écrit pas sa résolution, comme la plupart : ses {measured} pixels n’ont pas pu être comparés à votre "
        "politique de {limit} ppp. Vérifiez une fois le réglage de l’appareil.",
        "This JPEG 2000 file does not write its resolution, as most do not: its {measured} pixels could not be held against your policy "
        "of {limit} dpi. Check the device’s setting once.",
    ),
    "doubtful-resolution": Entry(
        REVIEW, None, HOUSE,
        "La résolution écrite paraît fausse ({measured}) ; votre politique demande {limit} ppp. Mesurez la feuille : si elle est plus "
        "grande, réglez l’appareil sur 300 ppp et rescannez ; une carte postale est normale.",
        "The written resolution looks wrong ({measured}); your policy asks for {limit} dpi. Measure the sheet: if it is larger, set "
        "the device to 300 dpi and scan again; a postcard is normal.",
    ),
    "resolution-inferred": Entry(
        REVIEW, None, HOUSE,
        "Le fichier ne dit pas sa résolution ; d’après ses pixels ce serait {measured}. Confirmez le format du papier, "
        "et faites écrire la résolution par l’appareil.",
        "The file does not give its resolution; from its pixels it would be {measured}. Confirm the paper size, "
        "and have the device write the resolution.",
    ),
    "upsampled": Entry(
        BLOCKING, "I-3", LAW,
        "L’image a été agrandie après la numérisation ({measured}) : la résolution annoncée n’est pas réelle. "
        "Choisissez une résolution optique de 300 ppp, sans interpolation.",
        "The image was enlarged after scanning ({measured}): the stated resolution is not real. "
        "Choose an optical resolution of 300 dpi, without interpolation.",
        image=True, certainty=STRONG,
    ),
    "odd-sheet": Entry(
        INFO, None, HOUSE,
        "Format inhabituel : {measured}. Si la feuille est plus grande, désactivez le recadrage automatique ; un ticket est normal.",
        "Unusual sheet: {measured}. If the sheet is larger, switch automatic cropping off; a receipt is normal.",
        certainty=INDICATOR,
    ),
    "stretched-tones": Entry(
        REVIEW, "I-3", LAW,
        "Une courbe de contraste ou de gamma a été appliquée après la numérisation : {measured} niveaux manquent ou comptent double. "
        "Désactivez contraste automatique, gamma et correction du fond dans l’appareil et son pilote, puis rescannez.",
        "A contrast or gamma curve was applied after scanning: {measured} levels are missing or count twice. "
        "Switch automatic contrast, gamma and background correction off in the device and its driver, then scan again.",
        image=True, certainty=STRONG,
    ),
    # --- not as usual on this scanner: for compliance alone ---
    "smoothed-noise": Entry(
        INFO, "I-3", LAW,
        "Le grain du papier est plus lisse que d’un capteur, ou que sur les autres pages de cet appareil ({measured} ; limite {limit}) : "
        "redressement, débruitage ou flou possibles. À vérifier dans le profil de l’appareil : redressement et débruitage désactivés.",
        "The paper’s grain is smoother than a sensor’s, or than on this scanner’s other pages ({measured}; limit {limit}): "
        "it may have been straightened, denoised or blurred. To be checked in the device’s profile: deskew and noise reduction off.",
        certainty=INDICATOR,
    ),
    "sharpened-noise": Entry(
        INFO, "I-3", LAW,
        "Le grain du papier est plus fort que sur les autres pages de cet appareil ({measured} ; limite {limit}) : renforcement de la "
        "netteté ou du contraste possible. À vérifier dans le profil de l’appareil : netteté et contraste automatiques désactivés.",
        "The paper’s grain is stronger than on this scanner’s other pages ({measured}; limit {limit}): it may have been sharpened or its "
        "contrast raised. To be checked in the device’s profile: automatic sharpness and contrast off.",
        certainty=INDICATOR,
    ),
    "clipped-white": Entry(
        INFO, "I-3", LAW,
        "{measured} de la page est d’un blanc absolu, sans grain (limite {limit}) : le fond a pu être blanchi. À vérifier dans le profil "
        "de l’appareil : suppression du fond désactivée.",
        "{measured} of the page is pure white without grain (limit {limit}): the background may have been whitened. To be checked in the "
        "device’s profile: background removal off.",
        certainty=INDICATOR,
    ),
    "flat-border": Entry(
        INFO, "I-3", LAW,
        "{measured} du bord de la page est d’une seule couleur exacte (limite {limit}) : redressement, recadrage ou effacement des bords "
        "possibles. À vérifier dans le profil de l’appareil : redressement, recadrage et effacement des bords désactivés.",
        "{measured} of the page’s rim has one exact colour (limit {limit}): it may have been straightened, cropped or its edges erased. "
        "To be checked in the device’s profile: deskew, cropping and edge erasing off.",
        certainty=INDICATOR,
    ),
    # --- codings that are held ---
    "cmyk": Entry(
        BLOCKING, "I-2", HOUSE,
        "L’image est en quadrichromie (CMJN), qu’aucun scanner ne produit : elle a été convertie. Retenue ; rescannez en "
        "couleur RVB 24 bits.",
        "The image is in CMYK, which no scanner produces: it was converted. Held; scan again in 24-bit RGB colour.",
        image=True,
    ),
    "alpha": Entry(
        BLOCKING, "I-1", HOUSE,
        "L’image a une couche de transparence : elle peut cacher du contenu. Retenue ; rescannez en couleur 24 bits sans transparence.",
        "The image has a transparency layer, which can hide content. Held; scan again in 24-bit colour without transparency.",
        image=True,
    ),
    "16-bit": Entry(
        BLOCKING, "I-1", HOUSE,
        "L’image a {measured} bits par couleur, que l’archive ne peut pas encore prouver à l’identique. Retenue ; rescannez en "
        "couleur 24 bits (8 par couleur).",
        "The image has {measured} bits per colour, which the archive cannot yet prove identical. Held; scan again in 24-bit "
        "colour (8 each).",
        image=True,
    ),
    "unsupported-coding": Entry(
        BLOCKING, "I-1", HOUSE,
        "Le codage des couleurs ({measured}) n’est pas pris en charge. Retenu ; rescannez en couleur RVB 24 bits, TIFF ou PNG.",
        "The colour coding ({measured}) is not supported. Held; scan again in 24-bit RGB colour, TIFF or PNG.",
        image=True,
    ),
    # --- contents ---
    "blank-page": Entry(
        INFO, "I-1", LAW,
        "La page paraît blanche. Elle est conservée : aucune face numérisée n’est supprimée. Rien à faire.",
        "The page looks blank. It is kept: no scanned side is ever dropped. Nothing to do.",
    ),
    "duplicate": Entry(
        INFO, None, HOUSE,
        "Ces octets sont déjà arrivés : un seul document est conservé. Rien à faire ; si c’était un autre papier, rescannez-le.",
        "These bytes have arrived before: one document is kept. Nothing to do; if it was another paper, scan it again.",
    ),
    # --- is every page there? ---
    "count-mismatch": Entry(
        REVIEW, "I-1", HOUSE,
        "{measured} pages numérisées ; d’après les feuilles comptées, il en faudrait {limit}. Rien n’est perdu : recomptez le papier ; "
        "s’il manque des pages, deux feuilles sont passées ensemble : aérez la pile et rescannez-les.",
        "{measured} pages scanned; by the sheets counted there should be {limit}. Nothing is lost: count the paper again; if pages "
        "are missing, two sheets went through together: fan the stack and scan them again.",
    ),
    "page-missing": Entry(
        REVIEW, "I-1", HOUSE,
        "D’après les numéros imprimés, il manque la page {measured} (sur {limit}). Cherchez-la dans la pile ou dans le document voisin, "
        "puis rescannez ou corrigez la séparation.",
        "By the printed numbers page {measured} (of {limit}) is missing. Look for it in the stack or in the neighbouring document, "
        "then scan it or correct the separation.",
    ),
    "page-order": Entry(
        REVIEW, "I-1", HOUSE,
        "Les numéros imprimés se suivent dans cet ordre : {measured}. Toutes les pages sont gardées ; remettez-les en ordre "
        "si le papier l’est.",
        "The printed numbers follow each other as {measured}. All pages are kept; put them in order if the paper is.",
    ),
    "page-repeated": Entry(
        REVIEW, "I-1", HOUSE,
        "La page {measured} est la même que la page {limit}. Les deux sont gardées ; comparez avec le papier et, si une feuille a été "
        "prise deux fois, vérifiez qu’aucune autre ne manque.",
        "Page {measured} is the same as page {limit}. Both are kept; compare with the paper and, if one sheet was taken twice, "
        "check that no other is missing.",
    ),
    "page-alike": Entry(
        REVIEW, "I-1", HOUSE,
        "La page {measured} ressemble à la page {limit}, et porte les mêmes nombres : peut-être la même feuille, numérisée deux fois. "
        "Les deux sont gardées ; comparez avec le papier.",
        "Page {measured} looks like page {limit} and bears the same numbers: perhaps the same sheet, scanned twice. "
        "Both are kept; compare with the paper.",
    ),
    "odd-length": Entry(
        REVIEW, "I-1", HOUSE,
        "La page mesure {measured} de haut, ses voisines {limit} : deux feuilles sont peut-être passées ensemble, ou une feuille "
        "a été coupée. Regardez le papier, puis rescannez s’il le faut.",
        "The page is {measured} long, its neighbours {limit}: two sheets may have gone through together, or one was cut short. "
        "Look at the paper and scan again if need be.",
    ),
    "sides-shifted": Entry(
        REVIEW, "I-1", HOUSE,
        "À partir d’ici, les faces blanches sont devant et non derrière ({measured} feuilles) : une face a pu se perdre, ou la pile "
        "a été retournée. Comparez avec le papier.",
        "From here on the blank sides are in front and not behind ({measured} sheets): a side may have been lost, or the stack "
        "was turned over. Compare with the paper.",
    ),
    "carry-mismatch": Entry(
        REVIEW, "I-1", HOUSE,
        "Le report en haut de la page ({measured}) n’est pas le montant à reporter de la page d’avant ({limit}) : il manque peut-être "
        "une page, ou deux documents sont mêlés. Comparez avec le papier.",
        "The amount brought forward on this page ({measured}) is not the one carried from the page before ({limit}): a page may be "
        "missing, or two documents are mixed. Compare with the paper.",
    ),
    "carry-lost": Entry(
        REVIEW, "I-1", HOUSE,
        "La dernière page porte un montant à reporter ({measured}), et aucune page ne suit. Cherchez la suite dans la pile "
        "ou dans le document voisin.",
        "The last page carries an amount forward ({measured}) and no page follows. Look for it in the stack or in the "
        "neighbouring document.",
    ),
    "two-invoice-numbers": Entry(
        REVIEW, "I-1", HOUSE,
        "Cette page porte la facture {measured}, le début du document la facture {limit} : peut-être deux documents. "
        "Séparez-les ici s’il le faut ; aucune page n’est perdue.",
        "This page bears invoice {measured}, the beginning of the document invoice {limit}: perhaps two documents. "
        "Split them here if need be; no page is lost.",
    ),
    # --- the station's own troubles ---
    "reading-failed": Entry(
        REVIEW, None, HOUSE,
        "Le texte n’a pas pu être lu ({measured}). L’image est scellée sans ce texte et rien n’est perdu ; la "
        "lecture sera réessayée d’elle-même.",
        "The text could not be read ({measured}). The image is sealed without this text and nothing is lost; it is read again by itself.",
    ),
    "reading-over-budget": Entry(
        REVIEW, None, HOUSE,
        "La lecture a dépassé son temps ({measured} ; limite {limit}). L’image est scellée sans ce texte et rien n’est perdu ; "
        "la lecture sera réessayée d’elle-même.",
        "Reading took too long ({measured}; limit {limit}). The image is sealed without this text; nothing is lost, and it is read again.",
    ),
    "proof-failed": Entry(
        BLOCKING, "II-6", LAW,
        "L’archive relue n’est pas prouvée identique au scan ({measured}). Elle n’est pas archivée ; l’original est intact. "
        "Relancez, ou prévenez l’assistance.",
        "The archive, read back, is not proved identical to the scan ({measured}). It is not archived; the original is intact. "
        "Run again, or tell support.",
    ),
    "poison-page": Entry(
        BLOCKING, None, HOUSE,
        "Le traitement de cette page s’est arrêté {measured} fois ; elle est mise de côté, l’original est intact. Rescannez-la "
        "dans un autre format.",
        "Work on this page stopped {measured} times; it is set aside and the original is intact. Scan it again in another format.",
    ),
    "disk-full": Entry(
        BLOCKING, None, HOUSE,
        "Le disque est plein ({measured}). Le fichier reste dans le dossier du scanner, rien n’est perdu. Libérez de la place "
        ": la reprise est automatique.",
        "The disk is full ({measured}). The file stays in the scanner’s folder and nothing is lost. Free some space: work "
        "resumes by itself.",
    ),
    "not-taken": Entry(
        BLOCKING, None, HOUSE,
        "Ce fichier n’a pas pu être pris ({measured}). Rien n’a changé : il est là où il était. Donnez un fichier ordinaire et lisible.",
        "This file could not be taken in ({measured}). Nothing was changed: it is where it was. Give an ordinary, readable file.",
    ),
    "store-away": Entry(
        BLOCKING, None, HOUSE,
        "Le lieu où sont gardés les originaux ne répond pas ({measured}) : le fichier n’est pas pris, il est là où il était. Vérifiez le "
        "partage ou le service (sceau doctor), puis recommencez.",
        "The place where originals are kept does not answer ({measured}): the file is not taken in, it is where it was. Check the share or "
        "the service (sceau doctor), then try again.",
    ),
    # --- what law and arithmetic say of an invoice; none of it holds the document: the copy is faithful whatever the invoice lacks ---
    "particulars-missing": Entry(
        REVIEW, None, LAW,
        "Le lecteur n’a pas trouvé, ou pas lu assez sûrement, ce que la facture doit porter : {measured} ({limit}). Regardez la page ; "
        "si cela manque vraiment, demandez au fournisseur une facture rectifiée : le droit à déduire la TVA peut en dépendre.",
        "The reader did not find, or read with too little certainty, what the invoice must bear: {measured} ({limit}). Look at the page; "
        "if it is really not there, ask the supplier for a corrected invoice: the right to deduct the VAT may depend on it.",
    ),
    "mentions-missing": Entry(
        INFO, None, LAW,
        "Le lecteur n’a pas trouvé de mentions que le code de commerce demande entre professionnels : {measured} ({limit}). Regardez la "
        "page ; si elles manquent, signalez-le au fournisseur. La facture peut être traitée.",
        "The reader did not find particulars that commercial law asks for between professionals: {measured} ({limit}). Look at the page; "
        "if they are not there, tell the supplier. The invoice can be worked.",
    ),
    "old-reference": Entry(
        INFO, None, LAW,
        "La facture cite encore un article du CGI ({measured}) ; la tolérance a pris fin le {limit}, la TVA est au CIBS. Signalez-le au "
        "fournisseur ; la facture peut être traitée.",
        "The invoice still cites an article of the CGI ({measured}); the tolerance ended on {limit}, VAT law is in the CIBS. Tell the "
        "supplier; the invoice can be worked.",
    ),
    "amounts-disagree": Entry(
        REVIEW, None, STANDARD,
        "Les montants ne s’accordent pas : {measured} (tolérance {limit}). Comparez avec la page et corrigez la valeur mal lue ; si la "
        "page dit bien cela, demandez une facture rectifiée avant de payer.",
        "The amounts do not agree: {measured} (tolerance {limit}). Compare with the page and correct the value that was misread; if the "
        "page does say so, ask for a corrected invoice before paying.",
    ),
    "lines-disagree": Entry(
        INFO, None, STANDARD,
        "Le total des lignes lues n’est pas le total hors taxes : {measured} (tolérance {limit}). Une ligne, une remise ou des frais ont "
        "pu échapper au lecteur : comparez avec la page avant d’utiliser le détail.",
        "The lines that were read do not add up to the net total: {measured} (tolerance {limit}). A line, a discount or a charge may have "
        "escaped the reader: compare with the page before using the lines.",
    ),
    "vat-rounding": Entry(
        INFO, None, HOUSE,
        "Le fournisseur a arrondi la TVA ligne par ligne : {measured} (admis : {limit}). C’est le montant imprimé qui se comptabilise. "
        "Rien à faire.",
        "The supplier rounded VAT line by line: {measured} (accepted: {limit}). The printed amount is the one to post. Nothing to do.",
    ),
    "vat-rate-unknown": Entry(
        REVIEW, None, STANDARD,
        "Ce taux de TVA n’existe pas en France à cette date : {measured} (taux admis : {limit}). Comparez avec la page ; si le taux est "
        "bien imprimé, interrogez le fournisseur avant de déduire la TVA.",
        "This rate of VAT does not exist in France at that date: {measured} (known rates: {limit}). Compare with the page; if the rate is "
        "really printed, ask the supplier before deducting the VAT.",
    ),
    "identifier-invalid": Entry(
        REVIEW, None, STANDARD,
        "La clé de contrôle ne tombe pas juste : {measured}. Comparez chiffre à chiffre avec la page et corrigez la lecture ; si la page "
        "porte ce numéro, vérifiez-le auprès du fournisseur avant de payer.",
        "The check digits do not fit: {measured}. Compare digit by digit with the page and correct the reading; if the page bears this "
        "number, verify it with the supplier before paying.",
    ),
    "identifiers-differ": Entry(
        REVIEW, None, STANDARD,
        "Les identifiants du fournisseur ne désignent pas la même entreprise : {measured}. Comparez avec la page ; si elle les porte "
        "ainsi, demandez au fournisseur lequel vaut.",
        "The supplier’s identifiers do not name one and the same company: {measured}. Compare with the page; if it bears them so, ask "
        "the supplier which one holds.",
    ),
    "due-before-issue": Entry(
        REVIEW, None, STANDARD,
        "L’échéance ({measured}) précède la date de la facture ({limit}). Comparez avec la page et corrigez la date mal lue ; sinon, "
        "demandez au fournisseur laquelle vaut.",
        "The due date ({measured}) comes before the date of the invoice ({limit}). Compare with the page and correct the date that was "
        "misread; else ask the supplier which one holds.",
    ),
    "number-not-electronic": Entry(
        INFO, None, STANDARD,
        "Le numéro {measured} ne pourrait pas passer par une plateforme agréée : {limit} au plus. Comparez avec la page ; si le numéro est "
        "bien celui-là, signalez-le au fournisseur.",
        "The number {measured} could not pass through an approved platform: {limit} at most. Compare with the page; if that is the "
        "number, tell the supplier.",
    ),
    "not-our-company": Entry(
        REVIEW, None, HOUSE,
        "La facture est adressée à {measured}, que vos réglages ne connaissent pas comme l’une de vos sociétés ({limit}). Regardez "
        "l’adresse : renvoyez-la à qui elle revient, ou complétez [identity] dans les réglages.",
        "The invoice is addressed to {measured}, which your settings do not know as one of your companies ({limit}). Look at the address: "
        "send it on to whom it belongs, or complete [identity] in the settings.",
    ),
    "invoice-twice": Entry(
        REVIEW, None, HOUSE,
        "Cette facture est déjà là : même fournisseur, même numéro, même année ({measured}). Comparez les deux, et ne payez qu’une fois ; "
        "rien n’a été supprimé.",
        "This invoice is here already: same supplier, same number, same year ({measured}). Compare the two, and pay only once; nothing "
        "was deleted.",
    ),
    "invoice-nearly-twice": Entry(
        REVIEW, None, HOUSE,
        "Cette facture ressemble de très près à une autre ({measured}) : numéro à un signe près, ou signes que l’on confond. Comparez les "
        "deux avant de payer, et corrigez le numéro mal lu.",
        "This invoice is very close to another one ({measured}): a number one sign apart, or signs that are confused. Compare the two "
        "before paying, and correct the number that was misread.",
    ),
    "iban-changed": Entry(
        REVIEW, None, HOUSE,
        "Le compte à payer n’est pas celui que l’on connaît de ce fournisseur : {measured} au lieu de {limit}. Ne payez pas : rappelez le "
        "fournisseur à un numéro déjà connu et faites valider par deux personnes, la fraude au changement de compte commence ainsi. Le "
        "compte vérifié se note sous [suppliers].",
        "The account to pay is not the one known of this supplier: {measured} instead of {limit}. Do not pay: call the supplier back at a "
        "number known before and have two people confirm, for fraud by change of account begins like this. The verified account is noted "
        "under [suppliers].",
    ),
    "wrong-channel": Entry(
        REVIEW, None, LAW,
        "Cette facture devait arriver par {measured} ({limit}), et non sur papier ou en PDF. Vérifiez qu’elle n’y est pas déjà ; sinon, "
        "une lettre au fournisseur est prête. La conservation de ce document n’est pas en cause.",
        "This invoice had to arrive through {measured} ({limit}), not on paper or as a PDF. Check that it is not there already; else a "
        "letter to the supplier is ready. The keeping of this document is not in question.",
    ),
    "supplier-size-unknown": Entry(
        INFO, None, LAW,
        "La taille du fournisseur (SIREN {measured}) n’est pas connue : grande entreprise ou ETI, il devait envoyer cette facture "
        "par {limit}, avec ses nouvelles mentions. Notez sa taille dans [suppliers] : la question ne sera plus posée.",
        "The supplier’s size (SIREN {measured}) is not known: a large company or ETI had to send this invoice through {limit}, with its "
        "new particulars. Note the size under [suppliers]: it will not be asked again.",
    ),
    # --- keys and trust ---
    "key-refused": Entry(
        BLOCKING, "II-6", HOUSE,
        "Rien ne peut être scellé avec ce certificat : {measured}. Les documents attendent, rien n’est perdu. Remplacez-le, ou corrigez "
        "les réglages [sealing] et [trust] ; « sceau keys » montre ce qui sert.",
        "Nothing can be sealed with this certificate: {measured}. Documents wait, nothing is lost. Replace it, or correct the settings "
        "[sealing] and [trust]; “sceau keys” shows what is in use.",
    ),
    "key-expires": Entry(
        REVIEW, "II-6", HOUSE,
        "Un certificat du cachet arrive à échéance dans {limit} jours ({measured}). Demandez le suivant dès maintenant : sans lui, rien "
        "ne sera plus scellé.",
        "A certificate of the seal ends in {limit} days ({measured}). Ask for the next one now: without it nothing more is sealed.",
    ),
    "revocation-old": Entry(
        REVIEW, "II-6", HOUSE,
        "Une liste de révocation est à renouveler ({measured}). Vérifiez le réseau, puis « sceau keys --fetch » : sans elle, rien ne sera "
        "plus scellé.",
        "A revocation list is due for renewal ({measured}). Check the network, then “sceau keys --fetch”: without it nothing more "
        "is sealed.",
    ),
    "trusted-list-old": Entry(
        REVIEW, None, HOUSE,
        "La liste de confiance {measured} n’est plus à jour ({limit}) : on ne peut plus dire si un certificat est qualifié. Vérifiez le "
        "réseau, puis « sceau keys --fetch ».",
        "The trusted list {measured} is out of date ({limit}): whether a certificate is qualified cannot be said any more. Check the "
        "network, then “sceau keys --fetch”.",
    ),
    "trusted-list-refused": Entry(
        REVIEW, None, HOUSE,
        "Une liste de confiance n’est pas signée par qui doit la signer, et n’est pas crue ({measured}). Lancez « sceau keys --fetch » ; "
        "si cela se répète, mettez Sceau à jour.",
        "A trusted list is not signed by those who must sign it, and is not believed ({measured}). Run “sceau keys --fetch”; if it "
        "happens again, update Sceau.",
    ),
    "work-stopped": Entry(
        BLOCKING, None, HOUSE,
        "Le document est au coffre, mais le travail s’est arrêté : {measured}",
        "The document is in the vault, but the work on it stopped: {measured}",
    ),
    "work-waits": Entry(
        REVIEW, None, HOUSE,
        "Le document est au coffre et attend ; il continuera de lui-même : {measured}",
        "The document is in the vault and waits; it goes on by itself: {measured}",
    ),
}  # fmt: skip


def finding(
    code: str, *, page: int | None = None, measured: str | None = None, limit: str | None = None, level: Level | None = None
) -> Finding:
    """A finding of the catalogue at its usual level, or at `level`. Raises KeyError for a code that the catalogue does not hold."""
    entry = CATALOGUE[code]
    return Finding(code, level or entry.level, entry.clause, entry.authority, page, measured, limit)


def message(found: Finding, language: str = "fr") -> str:
    """One or two sentences for a person: what is wrong and what to do on the device. French unless `language` is "en"."""
    entry = CATALOGUE[found.code]
    words = entry.en if language == "en" else entry.fr
    blank = "not measured" if language == "en" else "non mesuré"
    limit = _limit_words(found, english=language == "en") or blank
    text = words.replace("{measured}", measured_words(found, language) or blank).replace("{limit}", limit)
    return text[0].upper() + text[1:]


NAMED: dict[str, tuple[str, str]] = {
    "supplier-name": ("nom du fournisseur", "supplier’s name"),
    "supplier-siren": ("SIREN du fournisseur", "supplier’s SIREN"),
    "supplier-vat": ("numéro de TVA du fournisseur", "supplier’s VAT number"),
    "both-vat-numbers": ("numéros de TVA du fournisseur et du client", "VAT numbers of supplier and customer"),
    "issue-date": ("date de la facture", "date of issue"),
    "invoice-number": ("numéro de la facture", "invoice number"),
    "tax-breakdown": ("TVA par taux", "VAT per rate"),
    "exemption": ("motif de l’exonération de TVA", "reason why no VAT is due"),
    "self-billing": ("mention « Autofacturation »", "mention “Autofacturation” (self-billing)"),
    "buyer-name": ("nom du client", "customer’s name"),
    "buyer": ("du client", "of the customer"),
    "due-date": ("date ou conditions de règlement", "due date or payment terms"),
    "late-penalties": ("pénalités de retard", "late-payment penalties"),
    "recovery-indemnity": ("indemnité forfaitaire de recouvrement", "fixed recovery indemnity"),
    "early-discount": ("escompte, ou son absence", "early-payment discount, or its absence"),
    "buyer-siren": ("SIREN du client", "customer’s SIREN"),
    "operation-nature": ("nature des opérations (biens, services)", "nature of operations (goods, services)"),
    "net": ("HT", "net"),
    "tax": ("TVA", "VAT"),
    "gross": ("TTC", "gross"),
    "paid": ("payé", "paid"),
    "due": ("à payer", "due"),
    "lines": ("lignes", "lines"),
    "platform": ("une plateforme agréée", "an approved platform (plateforme agréée)"),
    "chorus": ("Chorus Pro", "Chorus Pro"),
    "since": ("depuis le", "since"),
    "signs": ("35 signes, lettres sans accent, chiffres, + - _ /", "35 signs, plain letters, digits, + - _ /"),
}
"""What a finding of an invoice lists or compares, French and English. In `measured` and `limit` names, days and amounts stand in braces."""
_BRACED = re.compile(r"\{([a-z-]{2,30})\}")
_CENTS = re.compile(r"(?<![\d.])(\d+)\.(\d{1,4})(?![\d.])")
_BRACED_AMOUNT = re.compile(r"\{(-?\d+)\.(\d{2,4})\}")
_DAY = re.compile(r"\{(\d{4})-(\d\d)-(\d\d)\}")
OF_INVOICES = frozenset({
    "particulars-missing", "mentions-missing", "old-reference", "amounts-disagree", "lines-disagree", "vat-rounding", "vat-rate-unknown",
    "identifier-invalid", "identifiers-differ", "due-before-issue", "number-not-electronic", "not-our-company", "invoice-twice",
    "invoice-nearly-twice", "iban-changed", "wrong-channel", "supplier-size-unknown",
})  # fmt: skip
"""What is said of the invoice and not of its copy: it changes with the values, and no archive holds it."""
_AMOUNTS = frozenset({"amounts-disagree", "lines-disagree", "vat-rounding", "vat-rate-unknown"})


def measured_words(found: Finding, language: str = "fr") -> str | None:
    """What was measured, as a person reads it."""
    return told_words(found, found.measured, language)


def limit_words(found: Finding, language: str = "fr") -> str | None:
    """What it was held against, as a person reads it."""
    return told_words(found, found.limit, language)


def told_words(found: Finding, text: str | None, language: str) -> str | None:
    """Of an invoice: names in the language, days as JJ/MM/AAAA, amounts with a comma in French. Of a scan: as it was measured."""
    if text is None or found.code not in OF_INVOICES:
        return text
    english = language == "en"
    if found.code == "vat-rate-unknown":
        # « 10, 5,5, 2,1 % » would be five rates.
        text = text.replace(" %", "%") if english else text.replace(", ", " ; ")
    text = _BRACED.sub(lambda name: NAMED[name[1]][english] if name[1] in NAMED else name[0], text)
    if found.code in _AMOUNTS and not english:
        text = _CENTS.sub(r"\1,\2", text)
    return _BRACED_AMOUNT.sub(r"\1.\2" if english else r"\1,\2", _DAY.sub(r"\3/\2/\1", text))


def _limit_words(found: Finding, *, english: bool) -> str:
    """The limit as a sentence says it: of two counts that would fit, which is for one side of each sheet, and which for both."""
    limit = limit_words(found, "en" if english else "fr") or ""
    if found.code == "count-mismatch" and " / " in limit:
        one, both = limit.split(" / ")
        return f"{one} (one-sided) or {both} (two-sided)" if english else f"{one} (recto) ou {both} (recto verso)"
    return english_name(limit) if english else limit


def english_name(name: str) -> str:
    """A decision, policy or passport as an English sentence names it; it is kept under its French name."""
    for french, english in (("tolérance n° ", "tolerance no. "), ("politique ", "policy "), ("n° ", "no. ")):
        if name.startswith(french):
            return english + name.removeprefix(french)
    return name


def certainty_of(found: Finding) -> Certainty:
    """Whether it is a fact, a strong trace, or an indicator for compliance alone."""
    return CATALOGUE[found.code].certainty


def finding_json(found: Finding, language: str = "fr") -> dict[str, object]:
    """One finding as `check --json` prints it."""
    return {
        "code": found.code,
        "page": found.page,
        "clause": found.clause,
        "authority": str(found.authority),
        "level": str(found.level),
        "measured": measured_words(found, language),
        "limit": limit_words(found, language),
        "message": message(found, language),
    }
