"""How each kind of the outbox leaves the house, and the turn that sends what is due."""

from collections.abc import Mapping

from station import alerts, connectors, mail, outbox, webhooks
from station.outbox import Sender
from station.workstation import Workstation

SENDERS: Mapping[str, Sender] = {
    mail.KIND: mail.deliver_mail,
    webhooks.KIND: webhooks.deliver_webhook,
    connectors.KIND: connectors.deliver_service,
    alerts.KIND: alerts.deliver_alert,
}


def tend_outbox(workstation: Workstation) -> int:
    """One turn of a running worker; returns how many left."""
    webhooks.tend_webhooks(workstation)
    return outbox.deliver_due(workstation, SENDERS)
