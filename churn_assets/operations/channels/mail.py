"""The channel `email`: SMTP over TLS; what is urgent alone, the rest in one digest for each rule and day."""

import smtplib
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache

import jinja2
import truststore

from churn_assets.contracts.channels import ChannelLine
from churn_assets.counts import counted
from churn_assets.operations.channels.channel import (
    SECONDS,
    MessageRefused,
    Unavailable,
    Unreachable,
    resolved,
)
from churn_assets.operations.channels.message import Batch
from churn_assets.operations.channels.words import facts_of

PORTS = {"starttls": 587, "tls": 465}


@dataclass
class Mail:
    """Sends one mail for each batch. Its Message-ID is the id of the batch, by which mail programs drop repetitions."""

    line: ChannelLine
    collects: bool = True

    @property
    def digest_hour(self) -> int:
        """See `Channel`."""
        return self.line.digest_hour

    def deliver(self, batch: Batch) -> None:
        """See `Channel`."""
        mail = written(batch, self.line.sender or "", self.line.recipients)
        try:
            with self._server() as server:
                refused = server.send_message(mail)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise _of_codes(_codes(error)) from None
        except smtplib.SMTPResponseException as error:
            raise Unreachable(f"The mail server answered {error.smtp_code}.") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise Unreachable(f"The mail server was not reached ({type(error).__name__}).") from None
        if refused:
            raise MessageRefused(f"The mail server refused {counted(len(refused), 'recipient')}.")

    def _server(self) -> smtplib.SMTP:
        """A connection with TLS and login."""
        line, tls = self.line, truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        host, port = line.host or "", line.port or PORTS[line.security]
        server: smtplib.SMTP
        if line.security == "tls":
            server = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=tls)
        else:
            server = smtplib.SMTP(host, port, timeout=SECONDS)
        try:
            if line.security == "starttls":
                server.starttls(context=tls)
            if line.username and line.password:
                server.login(line.username, resolved(line.password).get_secret_value())
        except BaseException:
            server.close()
            raise
        return server


def written(batch: Batch, sender: str, recipients: list[str]) -> EmailMessage:
    """The mail of a batch, as text and as HTML."""
    first = batch.messages[0]
    mail = EmailMessage()
    more = len(batch.messages) - 1
    title = f"{first.title} and {more:,} more" if more else first.title
    mail["Subject"] = " ".join(title.split())
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail["Date"] = format_datetime(max(m.occurred_at for m in batch.messages))
    mail["Message-ID"] = f"<{batch.id}@{Address(addr_spec=sender).domain or 'localhost'}>"
    shown = [(m, facts_of(m)) for m in batch.messages]
    mail.set_content(_templates().get_template("mail.txt.j2").render(messages=shown))
    mail.add_alternative(_templates().get_template("mail.html.j2").render(messages=shown), subtype="html")
    return mail


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _codes(
    error: smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused | smtplib.SMTPDataError,
) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code]


def _of_codes(codes: list[int]) -> Exception:
    told = f"The mail server answered {', '.join(map(str, sorted(set(codes))))}."
    return MessageRefused(told) if all(code >= 500 for code in codes) else Unavailable(told)
