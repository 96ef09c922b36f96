"""The words of the audit log: for each verb a label to choose it by, and a sentence.

In braces: `who`; `rx`, the prescription, account or edge; and `page`, `document`, `count`, `what`, `role`, `client`,
`since`.
"""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

VERBS: Final[dict[str, tuple[Promise, Promise]]] = {
    # --- Looks ---
    "review.viewed": (_("Review looked at"), _("{who} looked at the review of {rx}")),
    "page.opened": (_("Page looked at"), _("{who} looked at page {page} of {rx}")),
    "page.seen": (_("Page seen, for a decision"), _("{who} saw page {page} of {rx}, for a decision")),
    "page.uncovered": (
        _("Looked under what is blacked out"),
        _("{who} looked under what is blacked out on page {page} of {rx}"),
    ),
    "picture.sent": (_("Picture sent by link"), _("{who} was sent pictures of page {page} of {rx}")),
    "paper.opened": (_("Opened to be printed"), _("{who} opened the paper of {rx}, to print it")),
    "prescription.viewed": (_("Prescription looked at"), _("{who} looked at {rx}{what}")),
    "decision.viewed": (_("Decision read"), _("{who} read the decision on {rx}")),
    "variant.asked": (_("Picture asked for"), _("{who} asked where a picture of page {page} of {rx} is")),
    "original.downloaded": (_("File downloaded"), _("{who} downloaded file {document} of {rx}, as it was sent")),
    "document.downloaded": (_("PDF downloaded"), _("{who} downloaded all pages of {rx} as a PDF")),
    "manifest.opened": (_("List of pages opened"), _("{who} opened the list of pages of {rx}")),
    "order.viewed": (_("Customer's page opened"), _("{who} opened the order's page with {rx} on it")),
    "order.polled": (_("Customer's page renewed"), _("{who} had the order's page open, which asked for news of {rx}")),
    "link.minted": (_("Link given"), _("{who} was given a link to the pages of {rx}")),
    "prescriptions.listed": (
        _("List given"),
        _("{who} was given a list of prescriptions, with links to their pages: {count} of them"),
    ),
    "link.taken_back": (_("Link taken back"), _("{who} took back a link to the pages of {rx}")),
    "access.refused": (_("Access refused"), _("{who} was refused: {what}, {rx}")),
    # --- The log itself ---
    "audit.viewed": (_("Audit log looked at"), _("{who} looked at the audit log of {rx}")),
    "audit.exported": (_("Audit log exported"), _("{who} exported the audit log")),
    "edge.gap": (
        _("Access log lost"),
        _("An access log of {rx} was lost: who looked by link since {since} is not known"),
    ),
    "edge.malformed": (_("Access log damaged"), _("{count} lines of an access log of {rx} could not be read")),
    # --- What happens to a prescription ---
    "received": (_("Received"), _("{who} sent {rx}, pages: {count}")),
    "prescription.rebuilt": (
        _("Received before a restore"),
        _("{rx} was received before a restore, and was written down again from its files, pages: {count}"),
    ),
    "decision.lost": (_("Lost with a restore"), _("What had been done with {rx} was lost with a restore: {what}")),
    "order.lines": (_("Order lines set"), _("{who} said what was ordered with {rx}, lines: {count}")),
    "page.rotated": (_("Page turned"), _("{who} turned page {page} of {rx}")),
    "page.redacted": (_("Page blacked out"), _("{who} blacked out parts of page {page} of {rx}")),
    "page.sheet_set": (_("Paper set"), _("{who} said where the paper lies on page {page} of {rx}")),
    "page.sheet_refused": (_("No paper"), _("{who} said that no paper is to be cut out of page {page} of {rx}")),
    "review.priority": (_("Priority set"), _("{who} changed the priority of {rx}")),
    "review.claim": (_("Claimed"), _("{who} took {rx} from the queue")),
    "review.release": (_("Released"), _("{who} gave {rx} back to the queue")),
    "review.skip": (_("Skipped"), _("{who} skipped {rx}")),
    "review.lapse": (_("Claim ran out"), _("The claim on {rx} ran out")),
    "review.take_back": (_("Taken back"), _("{who} took {rx} back from a colleague")),
    "review.ask": (_("Question asked"), _("{who} asked the customer about {rx}")),
    "review.answer": (_("Question answered"), _("{who} answered the question about {rx}")),
    "review.time_out": (_("No answer in time"), _("No answer about {rx} came in time")),
    "review.approve": (_("Approved"), _("{who} approved {rx}")),
    "review.approve_some": (_("Approved in part"), _("{who} approved {rx} in part")),
    "review.reject": (_("Not accepted"), _("{who} did not accept {rx}")),
    "review.confirm": (_("Second check: agreed"), _("{who} agreed with the decision on {rx}")),
    "review.disagree": (_("Second check: did not agree"), _("{who} did not agree with the decision on {rx}")),
    "review.expire": (_("Validity ended"), _("{rx} is no longer valid")),
    "review.reopen": (_("Reopened"), _("{who} opened the decision on {rx} again")),
    "review.undo": (_("Decision undone"), _("{who} took the decision on {rx} back")),
    "review.withdraw": (_("Withdrawn"), _("{who} withdrew {rx}")),
    "review.close": (_("Closed for erasure"), _("The review of {rx} was closed, to erase it")),
    "review.erase": (_("Review erased"), _("The review of {rx} was erased")),
    "erased": (_("Erased"), _("{who} had {rx} erased")),
    "erasure.asked": (_("Erasure asked for"), _("{who} asked for another person to agree that {rx} be erased")),
    "erasure.dropped": (_("Erasure dropped"), _("{rx} is not to be erased any more")),
    "hold.set": (_("Legal hold set"), _("{who} set a legal hold on {rx}")),
    "hold.lifted": (_("Legal hold lifted"), _("{who} lifted the legal hold on {rx}")),
    "exported": (_("Exported"), _("{who} exported {rx}: files, data and audit log")),
    "retention.run": (_("Retention looked through"), _("{who} looked through what is no longer to be kept")),
    # --- The database ---
    "restore.checked": (_("Restore checked"), _("{who} checked what a restore of the database had lost")),
    "restore.acknowledged": (_("Restore acknowledged"), _("{who} acknowledged what a restore had lost")),
    # --- Accounts, roles and tokens ---
    "account.login": (_("Signed in"), _("{who} signed in")),
    "account.logout": (_("Signed out"), _("{who} signed out")),
    "account.failed": (_("Sign-in failed"), _("{who} failed to sign in to {rx}")),
    "account.locked": (_("Account locked"), _("{who} failed too often: {rx} is locked for a while")),
    "account.unlocked": (_("Account unlocked"), _("{who} unlocked {rx}")),
    "account.session_ended": (_("Session ended"), _("A session of {rx} was ended")),
    "account.confirmed": (_("Identity confirmed"), _("{who} showed again who they are")),
    "account.factor_added": (_("Second step added"), _("{who} added a second step to {rx}")),
    "account.factor_removed": (_("Second step removed"), _("{who} removed a second step from {rx}")),
    "account.codes_made": (_("Recovery codes made"), _("{who} made recovery codes")),
    "account.password": (_("Password set"), _("{who} set the password of {rx}")),
    "account.link": (_("Password link made"), _("{who} made a link to set the password of {rx}")),
    "account.made": (_("Account made"), _("{who} made {rx}")),
    "account.changed": (_("Account changed"), _("{who} changed {rx}")),
    "account.refused": (_("Single sign-on refused"), _("Single sign-on was refused: {rx}")),
    "account.role": (_("Role changed"), _("{who} changed what the role {role} may do")),
    "token.made": (_("API token made"), _("{who} made {rx}")),
    "token.replaced": (_("API token replaced"), _("{who} replaced {rx}")),
    "token.revoked": (_("API token revoked"), _("{who} revoked {rx}")),
    "webhook.made": (_("Webhook made"), _("{who} made a webhook of the client {client}")),
    "webhook.rotated": (_("Secret of a webhook replaced"), _("{who} replaced the secret of a webhook of {client}")),
    "webhook.enabled": (_("Webhook enabled"), _("{who} switched on a webhook of {client}")),
    "webhook.disabled": (_("Webhook disabled"), _("{who} switched off a webhook of {client}: {why}")),
    "webhook.replayed": (_("Events sent again"), _("{who} had events sent to a webhook of {client} again")),
    "webhook.removed": (_("Webhook removed"), _("{who} removed a webhook of {client}")),
    "client.origins": (_("Origins of a client set"), _("{who} set the origins of the client {client}")),
}
# The same where no prescription is concerned.
ALONE: Final[dict[str, Promise]] = {
    "access.refused": _("{who} was refused: {what}"),
    "audit.viewed": _("{who} looked at the audit log"),
}
# What "{what}" says: parts of a prescription, and places where somebody was refused. Others are said as they are named.
PARTS: Final[dict[str, Promise]] = {
    "lines": _(": what was ordered"),
    "variant": _(": a variant"),
    "explain": _(": why its addresses answer as they do"),
    "link": _("a link that opens nothing"),
    "order link": _("an order's link that opens nothing"),
    "admin:rx-review": _("the review page"),
    "prescription": _("the prescription by API"),
    "original": _("the files as they were sent"),
    "decision": _("the decision by API"),
    "admin:prescriptions_auditevent_changelist": _("the audit log"),
    "admin:prescriptions_prescription_change": _("the prescription's page"),
    "admin:prescriptions_prescription_changelist": _("the list of prescriptions"),
    "admin:prescriptions_review_changelist": _("the work queue"),
}
