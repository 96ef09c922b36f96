"""Why does this address answer as it does? One engine for `manage.py rxwhy` and the admin's page Explain.

It goes the way that a request goes, with the same functions, and notes what it finds; nothing is changed, made or
claimed. It never says a token, nor anything that a person typed.
"""

from prescriptions.infra.problems import not_found
from prescriptions.ops.why import asked, pictures, rest, tokens
from prescriptions.ops.why.asked import Asked
from prescriptions.ops.why.notes import Ending, Explanation, Fact, Notes
from prescriptions.variants.fairness.askers import Asker
from transforms.keys import is_id, parse_image_identifier

__all__ = ["Ending", "Explanation", "Fact", "explain", "explain_variant"]


def explain(text: str, *, reviews: bool = True) -> Explanation:
    """Of an address, a key of S3, an id or the beginning of one, or a token. `reviews`: also how the review stands."""
    notes, found = Notes(reviews=reviews), asked.read(text)
    match found.kind:
        case "address":
            _address(notes, found)
        case "id":
            rest.by_id(notes, found.text)
        case "reference":
            rest.reference(notes, found.text)
        case "page":
            _page(notes, found.text)
        case "key":
            rest.key(notes, found.text)
        case "api-token":
            tokens.api(notes, found.text)
        case "link-token":
            why = "This is the token of a link alone: whether it opens anything depends on the page that it is for."
            notes.end(0, "token-alone", why, "Give the whole address.")
        case _:
            why = "This is neither an address of this service, nor an id, nor a key of S3."
            notes.end(0, "not-understood", why, "Give one of these: an address, 32 hex digits, {rx}_{page}, a key.")
    return notes.explanation()


def explain_variant(rx: str, number: int, spec: str, *, by: Asker) -> Explanation:
    """Of a page in a preset or image request, without a link."""
    notes = Notes(reviews=False)
    page = pictures.page_of(notes, rx, number)
    if page is not None:
        pictures.variant(notes, page, spec, by=by)
    return notes.explanation()


def _page(notes: Notes, identifier: str) -> None:
    named = parse_image_identifier(identifier)
    if named is not None and pictures.page_of(notes, named.rx, named.number) is not None:
        rest.prescription(notes, named.rx)


def _address(notes: Notes, found: Asked) -> None:
    named = found.named
    if found.host:
        why = f"{found.host} is no host of this service: RX_ALLOWED_HOSTS does not have it."
        notes.end(400, "unknown-host", why, "Use the host of RX_BASE_URL, or add this one.")
    elif not found.route:
        notes.refuse(
            not_found(), "No route has this path: nothing answers there, whatever the token.", "See /api/v1/docs."
        )
    elif found.route in ("image", "generate"):
        pictures.by_link(notes, named["token"], named["identifier"], named["tail"])
    elif found.route in ("info", "service"):
        pictures.by_link(notes, named["token"], named["identifier"])
    elif found.route in ("manifest", "document"):
        rest.whole(notes, named["token"], named["rx"])
    elif "incoming" in named:
        if not rest.upload(notes, named["incoming"]):
            notes.refuse(not_found(), "No file in pieces has this id.", "Begin one (POST), and use its Location.")
    elif found.route.startswith(("order", "upload")):
        tokens.order(notes, found.query.get("link", ""), named.get("order_ref", ""))
    elif found.route == "api/variant":
        page = pictures.page_of(notes, named["rx"], int(named["number"]))
        if page is not None:
            pictures.variant(notes, page, named["spec"], by=Asker.client(page.prescription.client))
    elif name := next((named[part] for part in ("job", "rx", "object_id") if is_id(named.get(part, ""))), ""):
        rest.by_id(notes, name)
    else:
        notes.say("request", "route", found.route)
        notes.end(0, "no-variant", "This address is about no single prescription: what it answers, it says itself.")
