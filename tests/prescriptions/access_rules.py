"""Who may come, and for each route of the site who of them is let in and who sees what a person wrote."""

from typing import Final

from prescriptions.api import tokens

# One caller with each of them alone.
SCOPES: Final = [scope for scope in tokens.SCOPES if scope != "rx:all"]
NOBODY: Final[set[str]] = set()
REVIEWERS: Final = {"pharmacist", "senior"}
READERS: Final = {*REVIEWERS, "auditor"}
STAFF: Final = {*READERS, "ops"}
SIGNED_IN_STAFF: Final = {*STAFF, "no role"}
SIGNED_IN: Final = {*SIGNED_IN_STAFF, "customer with an account"}
EVERYBODY: Final = {
    *SIGNED_IN, "nobody", "link", "redacted link", "customer", "sender", "phone", "other customer",
    "same order elsewhere", "rival", *(f"token {scope}" for scope in SCOPES),
}  # fmt: skip
# Who is let in by one of the methods; who of them sees what a person wrote; where.
RULES: Final[list[tuple[set[str], set[str], str]]] = [
    # An action on a review that is refused shows the review to whoever may read it.
    (
        EVERYBODY,
        NOBODY,
        """
        / /accounts/inactive/ /accounts/login/ /accounts/password/%(uidb64)s/%(token)s/ /accounts/sso/cancelled/
        /api/v1/docs /api/v1/schema /docs/problems /favicon.ico /language /livez /healthz /readyz
    """,
    ),
    (
        {"customer", "sender", "other customer", "same order elsewhere"},
        NOBODY,
        """
        /-may-send /upload/files /upload/uploads
    """,
    ),
    (
        {"phone"},
        NOBODY,
        """
        /upload/phone /upload/phone/files /upload/phone/uploads
    """,
    ),
    (
        NOBODY,
        NOBODY,
        """
        /admin/prescriptions/webhook/%(object_id)s/delete/ /admin/prescriptions/webhook/add/
        /admin/prescriptions/webhook/%(pk)s/disable/ /admin/prescriptions/webhook/%(pk)s/enable/
        /admin/prescriptions/review/views/%(pk)s/forget/
        /admin/prescriptions/webhook/%(pk)s/rotate/ /admin/prescriptions/webhook/%(pk)s/test/
        /api/v1/webhooks/%(webhook)s /api/v1/webhooks/%(webhook)s/deliveries
        /api/v1/webhooks/%(webhook)s/enable /api/v1/webhooks/%(webhook)s/replay
        /api/v1/webhooks/%(webhook)s/rotate /api/v1/webhooks/%(webhook)s/test
        /.well-known/security.txt /accounts/confirm/sso/ /accounts/factors/app/remove/ /accounts/factors/recovery/
        /accounts/factors/recovery/download/ /accounts/sso/%(provider_id)s/login/
        /accounts/sso/%(provider_id)s/login/callback/ /accounts/sso/error/ /admin/%(url)s /admin/auth/group/
        /admin/auth/group/%(object_id)s/change/ /admin/auth/group/%(object_id)s/delete/ /admin/auth/group/add/
        /admin/auth/user/ /admin/auth/user/%(object_id)s/change/ /admin/auth/user/%(object_id)s/delete/
        /admin/auth/user/%(pk)s/forget-factors/ /admin/auth/user/%(pk)s/link/ /admin/auth/user/add/
        /admin/autocomplete/ /admin/prescriptions/apitoken/%(object_id)s/delete/
        /admin/prescriptions/apitoken/%(pk)s/replace/ /admin/prescriptions/apitoken/%(pk)s/revoke/
        /admin/prescriptions/apitoken/add/ /admin/prescriptions/auditanchor/%(object_id)s/delete/
        /admin/prescriptions/auditanchor/add/ /admin/prescriptions/auditevent/%(object_id)s/delete/
        /admin/prescriptions/auditevent/add/ /admin/prescriptions/client/
        /admin/prescriptions/client/%(object_id)s/change/ /admin/prescriptions/client/%(object_id)s/delete/
        /admin/prescriptions/client/add/ /admin/prescriptions/prescription/%(object_id)s/delete/
        /admin/prescriptions/prescription/%(rx)s/erase/ /admin/prescriptions/prescription/add/
        /admin/prescriptions/reasoncode/%(object_id)s/delete/ /admin/prescriptions/reasoncode/add/
        /admin/prescriptions/review/%(object_id)s/delete/ /admin/prescriptions/review/add/
        /admin/prescriptions/variant/%(object_id)s/delete/ /admin/prescriptions/variant/add/
        /admin/r/%(content_type_id)s/%(object_id)s/ /orders/%(order_ref)s/prescription/files/%(file_id)s
        /upload/files/%(file_id)s /upload/phone/uploads/%(incoming)s
        /admin/prescriptions/prescription/%(rx)s/erase-all/%(by)s/
        /admin/prescriptions/prescription/%(rx)s/export/ /admin/prescriptions/prescription/%(rx)s/hold/
        /admin/prescriptions/retentionrun/add/ /admin/prescriptions/retentionrun/%(object_id)s/delete/ /-link
        /api/v1/prescriptions/%(rx)s/links/%(lent)s /api/v1/uploads/%(incoming)s
        /orders/%(order_ref)s/prescription/uploads/%(incoming)s /upload/uploads/%(incoming)s
    """,
    ),
    (
        STAFF,
        NOBODY,
        """
        /accounts/confirm/ /accounts/factors/app/
        /accounts/factors/confirm/ /accounts/factors/passkeys/%(pk)s/edit/
        /accounts/factors/passkeys/%(pk)s/remove/ /accounts/factors/passkeys/add/
        /accounts/factors/passkeys/confirm/ /accounts/factors/recovery/new/
        /admin/%(app_label)s/
    """,
    ),
    (
        SIGNED_IN,
        NOBODY,
        """
        /accounts/factors/ /accounts/factors/code/
        /accounts/factors/passkeys/ /accounts/factors/passkeys/login/
        /accounts/logout/ /accounts/password/
        /accounts/sessions/
    """,
    ),
    (
        SIGNED_IN_STAFF,
        NOBODY,
        """
        /admin/prescriptions/webhook/%(object_id)s/ /admin/prescriptions/webhook/%(object_id)s/history/
        /admin/ /admin/auth/group/%(object_id)s/
        /admin/auth/group/%(object_id)s/history/
        /admin/auth/user/%(object_id)s/
        /admin/auth/user/%(object_id)s/history/
        /admin/jsi18n/
        /admin/login/
        /admin/password_change/
        /admin/password_change/done/
        /admin/prescriptions/apitoken/%(object_id)s/
        /admin/prescriptions/apitoken/%(object_id)s/history/
        /admin/prescriptions/auditanchor/%(object_id)s/
        /admin/prescriptions/auditanchor/%(object_id)s/history/
        /admin/prescriptions/auditevent/%(object_id)s/
        /admin/prescriptions/auditevent/%(object_id)s/history/
        /admin/prescriptions/client/%(object_id)s/
        /admin/prescriptions/client/%(object_id)s/history/
        /admin/prescriptions/prescription/%(object_id)s/
        /admin/prescriptions/reasoncode/%(object_id)s/
        /admin/prescriptions/reasoncode/%(object_id)s/history/
        /admin/prescriptions/review/next/
        /admin/prescriptions/variant/%(object_id)s/
        /admin/prescriptions/variant/%(object_id)s/history/
        /admin/roles/
        /admin/prescriptions/retentionrun/%(object_id)s/
        /admin/prescriptions/retentionrun/%(object_id)s/history/
    """,
    ),
    (
        {"customer with an account"},
        NOBODY,
        """
        /admin/logout/
    """,
    ),
    (
        {"ops"},
        NOBODY,
        """
        /admin/prescriptions/webhook/ /admin/prescriptions/webhook/%(object_id)s/change/
        /admin/prescriptions/apitoken/ /admin/prescriptions/apitoken/%(object_id)s/change/
    """,
    ),
    (
        {"auditor"},
        NOBODY,
        """
        /admin/prescriptions/auditanchor/ /admin/prescriptions/auditanchor/%(object_id)s/change/
    """,
    ),
    (
        {"senior", "auditor"},
        NOBODY,
        """
        /admin/prescriptions/auditevent/ /admin/prescriptions/auditevent/%(object_id)s/change/
        /admin/prescriptions/auditevent/export/
    """,
    ),
    (
        READERS,
        READERS,
        """
        /admin/prescriptions/prescription/ /admin/prescriptions/prescription/%(object_id)s/change/
        /admin/prescriptions/review/%(object_id)s/
        /admin/prescriptions/review/%(rx)s/
        /admin/prescriptions/review/%(rx)s/ask/ /admin/prescriptions/review/%(rx)s/disagree/
        /admin/prescriptions/review/%(rx)s/heartbeat/ /admin/prescriptions/review/%(rx)s/paper/
        /admin/prescriptions/review/%(rx)s/reopen/
    """,
    ),
    (
        READERS,
        NOBODY,
        """
        /admin/prescriptions/prescription/%(object_id)s/history/
        /admin/prescriptions/review/live/ /admin/prescriptions/review/views/
        /admin/prescriptions/reasoncode/ /admin/prescriptions/reasoncode/%(object_id)s/change/
        /admin/prescriptions/review/
        /admin/prescriptions/review/%(object_id)s/change/ /admin/prescriptions/review/%(object_id)s/history/
        /admin/prescriptions/review/%(rx)s/following/ /admin/prescriptions/review/%(rx)s/preceding/
    """,
    ),
    (
        REVIEWERS,
        READERS,
        """
        /admin/prescriptions/review/%(rx)s/claim/ /admin/prescriptions/review/%(rx)s/decide/
        /admin/prescriptions/review/%(rx)s/release/ /admin/prescriptions/review/%(rx)s/seen/
        /admin/prescriptions/review/%(rx)s/skip/
        /admin/prescriptions/review/%(rx)s/undo/
    """,
    ),
    (
        REVIEWERS,
        NOBODY,
        """
        /admin/prescriptions/review/%(rx)s/prescribers/
    """,
    ),
    (
        {"senior"},
        READERS,
        """
        /admin/prescriptions/review/%(rx)s/confirm/
    """,
    ),
    (
        REVIEWERS | {"ops"},
        NOBODY,
        """
        /admin/prescriptions/variant/ /admin/prescriptions/variant/explain/
        /admin/prescriptions/variant/%(object_id)s/change/
    """,
    ),
    (
        REVIEWERS | {"token rx:read"},
        NOBODY,
        """
        /api/v1/jobs/%(job)s
        /api/v1/prescriptions/%(rx)s/document.pdf
        /api/v1/prescriptions/%(rx)s/original
        /api/v1/prescriptions/%(rx)s/pages/%(number)s/variants/%(spec)s
        /api/v1/prescriptions/%(rx)s/links
        /api/v1/prescriptions/%(rx)s/warm
    """,
    ),
    (
        {"token orders:write", "rival"},
        NOBODY,
        """
        /api/v1/order-links
        /api/v1/order-links/%(link)s
    """,
    ),
    (
        {*SIGNED_IN_STAFF, "customer with an account", "rival", *(f"token {scope}" for scope in SCOPES)},
        NOBODY,
        """
        /api/v1/catalogue /api/v1/me
    """,
    ),
    (
        {"token rx:write"},
        NOBODY,
        """
        /api/v1/prescriptions/%(rx)s/answer
    """,
    ),
    (
        {"token rx:write"},
        {"token rx:write"},
        """
        /api/v1/prescriptions/%(rx)s/withdraw
    """,
    ),
    (
        {"token rx:write", "rival"},
        NOBODY,
        """
        /api/v1/orders/%(order_ref)s/prescriptions /api/v1/uploads
    """,
    ),
    (
        {"token rx:read", "token orders:write", "rival"},
        {"token rx:read"},
        """
        /api/v1/orders/%(order_ref)s
    """,
    ),
    (
        REVIEWERS | {"token rx:read", "token rx:write", "rival"},
        REVIEWERS | {"token rx:read"},
        """
        /api/v1/prescriptions
    """,
    ),
    (
        REVIEWERS | {"token rx:read", "token rx:erase"},
        REVIEWERS | {"token rx:read"},
        """
        /api/v1/prescriptions/%(rx)s
    """,
    ),
    (
        REVIEWERS | {"token rx:review"},
        NOBODY,
        """
        /api/v1/prescriptions/%(rx)s/claim /api/v1/prescriptions/%(rx)s/pages/%(number)s/sheet
    """,
    ),
    (
        READERS | {"token rx:review"},
        READERS | {"token rx:review"},
        """
        /api/v1/prescriptions/%(rx)s/decision
    """,
    ),
    (
        REVIEWERS | {"token rx:read", "token rx:write"},
        REVIEWERS | {"token rx:read"},
        """
        /api/v1/prescriptions/%(rx)s/order-lines
    """,
    ),
    (
        REVIEWERS | {"token rx:read", "rival"},
        NOBODY,
        """
        /api/v1/events
    """,
    ),
    (
        READERS | {"token rx:review", "rival"},
        NOBODY,
        """
        /api/v1/reasons
        /api/v1/reviews/next
    """,
    ),
    (
        {"link"},
        NOBODY,
        """
        /generate/iiif/3/%(token)s/%(identifier)s/%(tail)s
        /iiif/3/%(token)s/%(identifier)s/%(tail)s
        /iiif/3/%(token)s/%(identifier)s/info.json
        /iiif/presentation/3/%(token)s/%(rx)s/document.pdf
        /iiif/presentation/3/%(token)s/%(rx)s/manifest
    """,
    ),
    (
        {"link", "redacted link"},
        NOBODY,
        """
        /iiif/3/%(token)s/%(identifier)s
    """,
    ),
    (
        {"token ops:read", "rival"},
        NOBODY,
        """
        /metrics
        /api/v1/stats
    """,
    ),
    (
        {"customer", "sender", "same order elsewhere"},
        {"customer"},
        """
        /orders/%(order_ref)s/prescription
    """,
    ),
    (
        {"customer", "sender", "same order elsewhere"},
        NOBODY,
        """
        /orders/%(order_ref)s/prescription/files /orders/%(order_ref)s/prescription/uploads
    """,
    ),
    (
        {"customer", "same order elsewhere"},
        {"customer"},
        """
        /orders/%(order_ref)s/prescription/status
    """,
    ),
    (
        {"customer", "sender", "other customer", "same order elsewhere"},
        {"customer"},
        """
        /upload/
    """,
    ),
    (
        {"customer", "other customer", "same order elsewhere"},
        {"customer"},
        """
        /upload/status
    """,
    ),
    (
        NOBODY,
        {"auditor"},
        """
        /admin/prescriptions/review/%(rx)s/opened/
        /admin/prescriptions/review/%(rx)s/redact/ /admin/prescriptions/review/%(rx)s/uncover/
        /admin/prescriptions/review/%(rx)s/rotate/ /admin/prescriptions/review/%(rx)s/sheet/
    """,
    ),
    (
        {"auditor", "ops"},
        NOBODY,
        """
        /admin/prescriptions/retentionrun/
        /admin/prescriptions/retentionrun/%(object_id)s/change/
    """,
    ),
    (
        {"rival", "token rx:erase"},
        NOBODY,
        """
        /api/v1/erasures
    """,
    ),
    (
        {"rival", "token rx:export"},
        NOBODY,
        """
        /api/v1/exports
    """,
    ),
    (
        {"token rx:erase"},
        NOBODY,
        """
        /api/v1/prescriptions/%(rx)s/erasure
    """,
    ),
    (
        REVIEWERS | {"token rx:hold", "token rx:read"},
        NOBODY,
        """
        /api/v1/prescriptions/%(rx)s/hold
    """,
    ),
    (
        {"token webhooks:write", "rival"},
        NOBODY,
        """
        /api/v1/webhooks
    """,
    ),
]
