"""The last step of the OpenAPI document: headers, links, examples, events that are sent, groups, names and the server.

A hook of drf-spectacular (`POSTPROCESSING_HOOKS`); what it adds is in tables beside it.
"""

from collections.abc import Iterator
from typing import Any, Final

from prescriptions.api.openapi import events, examples, headers, links
from prescriptions.api.openapi.operations import OPERATIONS, TAGS
from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import MEDIA_TYPE
from prescriptions.models import REFERENCE

_METHODS: Final = ("get", "put", "post", "delete", "patch")
# Answers with all their fields, always; drf-spectacular only knows which may be left out of what is sent.
_WHOLE: Final = ("Document", "Job", "Link", "Message", "Order", "OrderedLine", "Prescription", "Review", "WholeOrder")
# Of these fields at least one is sent; of those exactly one.
_ONE_OF: Final = {"AnswerRequest": ("text", "files")}
_EITHER: Final = {
    "ReplayRequestRequest": ("events", "after"),
    "WhoseRequest": ("patient_ref", "order_ref"),
    "ErasuresRequest": ("patient_ref", "order_ref"),
}
_SENTENCE: Final = "Errors are told as RFC 9457 has it; {docs} lists them all."


def finish(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """As drf-spectacular calls it; `result` is changed and returned."""
    server = absolute("")
    info, components = result["info"], result["components"]
    info["description"] += "\n\n" + _SENTENCE.format(docs=f"{server}/docs/problems")
    info["license"] = {"name": "MIT", "identifier": "MIT"}
    info["contact"] = {"name": "Documentation", "url": f"{server}/docs/problems"}
    result["servers"] = [{"url": server, "description": "This service."}]
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    components["headers"] = headers.components()
    components["responses"] = {}
    for name in _WHOLE:
        schema = components["schemas"].get(name)
        if schema is not None:
            schema["required"] = sorted(schema["properties"])
    for name, choices in _ONE_OF.items():
        components["schemas"][name]["anyOf"] = [{"required": [choice]} for choice in choices]
    for name, choices in _EITHER.items():
        components["schemas"][name]["oneOf"] = [{"required": [choice]} for choice in choices]
    for method, operation in _operations(result):
        _finish(operation, method, server)
        _share_problems(operation["responses"], components["responses"])
    result["webhooks"] = events.webhooks(server, components["schemas"]["About"]["properties"])
    return result


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in result["paths"].values():
        yield from ((method, item[method]) for method in _METHODS if method in item)


def _finish(operation: dict[str, Any], method: str, server: str) -> None:
    name = operation["operationId"]
    tag, operation["summary"] = OPERATIONS[name]
    operation["tags"] = [tag]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in examples.PARAMETERS:
            parameter.setdefault("example", examples.PARAMETERS[parameter["name"]])
        if parameter["name"] == "order_ref" and parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "pattern": REFERENCE.pattern.replace(r"\Z", "$")}
    if any(f"/{schema}" in str(operation.get("requestBody")) for schema in (*_ONE_OF, *_EITHER)):
        operation["requestBody"]["required"] = True
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if sent is not None and name in examples.REQUESTS:
        sent["example"] = examples.REQUESTS[name]
    for status, answer in operation["responses"].items():
        answer["description"] = answer.get("description") or _DESCRIPTIONS.get(status, "An answer.")
        answer["headers"] = {**answer.get("headers", {}), **headers.of(name, method, status)}
        if found := links.of(name, status):
            answer["links"] = found
        _add_example(answer.get("content", {}), name, status, server)


def _share_problems(answers: dict[str, Any], shared: dict[str, Any]) -> None:
    """Each refusal is described once for all operations."""
    for status, answer in answers.items():
        if MEDIA_TYPE in answer.get("content", {}):
            shared[f"Problem{status}"] = answer
            answers[status] = {"$ref": f"#/components/responses/Problem{status}"}


def _add_example(content: dict[str, Any], name: str, status: str, server: str) -> None:
    if MEDIA_TYPE in content and (problem := examples.problem(status)):
        content[MEDIA_TYPE]["example"] = problem
    if "application/json" in content and (name, status) in examples.RESPONSES:
        content["application/json"]["example"] = examples.at(server, examples.RESPONSES[name, status])


_DESCRIPTIONS: Final = {
    "200": "Done.",
    "201": "Made.",
    "202": "Taken on.",
    "204": "Done; there is nothing to say.",
    "206": "The part that was asked for.",
    "400": "Something is wrong with the request: `errors` says what, and where.",
    "401": "No token, or one that does not count.",
    "403": "The token may not do this.",
    "404": "It is not there, or you may not see it.",
    "409": "Not as things stand; `type` says why. With Retry-After: the same request is still under way.",
    "410": "It was erased, or is no longer kept.",
    "412": "The condition of the request does not hold.",
    "413": "Too large.",
    "415": "Not a media type that this takes.",
    "416": "There is no such part.",
    "422": "It makes no sense, cannot be made, or the Idempotency-Key was sent with something else.",
    "423": "Another piece of the same file is being kept at this moment: ask how far it is.",
    "428": "Say which version you looked at.",
    "429": "Too much at once: come back after Retry-After.",
    "460": "The piece is not what its checksum says: send it again.",
    "501": "A part of IIIF that this does not do.",
    "503": "Not now: come back after Retry-After.",
}
