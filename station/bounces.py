"""E-mail that came back: delivery reports (RFC 3464) in the mailboxes of the house, told to whoever sent the message."""

from capture.mailbox import Bounce
from station import dunning
from station.dunning import NotPossible
from station.records import dunning as records
from station.workstation import Workstation


def note_report(workstation: Workstation, entity: str, bounce: Bounce) -> bool:
    """Whether it reports that a reminder of this company did not arrive; it is a task then.

    Whoever writes to the mailbox may write such a report: it sends nothing and stops nothing, a person looks.
    """
    with workstation.database.reading() as session:
        known = records.find_message(session, entity, bounce.message_id) is not None
    if not known:
        return False
    with workstation.database.writing() as session:
        sending = records.find_message(session, entity, bounce.message_id)
        if sending is None or sending.state == records.BOUNCED:
            return False
        try:
            dunning.note_bounce(session, workstation, sending, bounce.why, None)
        except NotPossible:
            return False
    return True
