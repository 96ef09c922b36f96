"""What each role may do in S3 on AWS is what the code that it runs asks for: no less, or something fails there that
works here, and no more. The calls are read off prescriptions/infra/storage.py and off whoever uses it.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.deploy.lambda_template import ROOT, granted
from tests.deploy.lambda_template import resources as resources
from tests.deploy.lambda_template import template as template

O, V, A = "Originals", "Variants", "Anchors"  # noqa: E741 - as short as the tables are wide
SETTING = {"RX_ORIGINALS_BUCKET": O, "RX_VARIANTS_BUCKET": V, "RX_AUDIT_BUCKET": A}

# What a call needs on objects, and on their bucket. Without ListBucket, AWS says 403 of an object that is not there.
NEEDS: Mapping[str, tuple[set[str], set[str]]] = {
    "get_object": ({"s3:GetObject"}, {"s3:ListBucket"}),
    "get_object, by version": ({"s3:GetObjectVersion"}, set()),  # of versions that a listing has named
    "head_object": ({"s3:GetObject"}, {"s3:ListBucket"}),
    "head_bucket": (set(), {"s3:ListBucket"}),
    "list_objects_v2": (set(), {"s3:ListBucket"}),
    "list_object_versions": (set(), {"s3:ListBucketVersions"}),
    "put_object": ({"s3:PutObject"}, set()),
    "delete_object": ({"s3:DeleteObject"}, set()),
    "create_multipart_upload": ({"s3:PutObject"}, set()),
    "upload_part": ({"s3:PutObject"}, set()),
    "complete_multipart_upload": ({"s3:PutObject"}, set()),
    "abort_multipart_upload": ({"s3:AbortMultipartUpload"}, set()),
    "list_multipart_uploads": (set(), {"s3:ListBucketMultipartUploads"}),
    "delete_objects": ({"s3:DeleteObjectVersion"}, set()),  # each with a version's id
}

# What each function of the storage calls, on the bucket that it names itself; `None`: on the one that it is given.
OPERATIONS: Mapping[str, set[tuple[str, str | None]]] = {
    "variant_exists": {("head_object", V)},
    "head_variant": {("head_object", V)},
    "open_variant": {("get_object", V)},
    # Over what is there of another source: If-Match, for which AWS wants GetObject as well.
    "put_variant": {("head_object", V), ("put_object", V)},
    "delete_variant": {("delete_object", V)},
    "put_original": {("put_object", O)},
    "head_original": {("head_object", O)},
    "get_original": {("get_object", O)},
    "open_original": {("get_object", O)},
    "put_anchor": {("put_object", A)},
    "anchor_exists": {("head_object", A)},
    "anchor_keys": {("list_object_versions", A)},
    "anchor_versions": {("list_object_versions", A), ("get_object, by version", A)},
    "begin": {("create_multipart_upload", O)},
    "add": {("upload_part", O)},
    "complete": {("complete_multipart_upload", O)},
    "abort_everything": {("list_multipart_uploads", O), ("abort_multipart_upload", O)},
    "give_up": {("abort_multipart_upload", O)},
    "delete_everything": {("list_object_versions", None), ("delete_objects", None)},
    "list_objects": {("list_objects_v2", None)},
    "reachable": {("head_bucket", O), ("head_bucket", V)},
}
GIVEN = {
    ("upkeep/erasure.py", "delete_everything"): {O, V},
    ("upkeep/reconcile.py", "delete_everything"): {O},
    ("upkeep/reconcile.py", "list_objects"): {O, V},
    ("upkeep/restoring/rebuilding.py", "list_objects"): {O},
    ("intake/loose.py", "delete_everything"): {O},
    ("intake/tus/pieces.py", "delete_everything"): {O},
    ("ops/doctor/storage.py", "delete_everything"): {O},
    ("variants/redactions.py", "list_objects"): {V},
    ("variants/sheets.py", "delete_everything"): {V},
}
FOLDER = {"audit/anchors.py": "anchors", "upkeep/ledger.py": "erasures"}
# Of variants, what it alone writes.
WRITES = {"variants/documents/stored_pdf.py": "*/document"}

# What `manage.py doctor` asks of the client itself, in the environment of a role.
DOCTOR: Mapping[str, set[tuple[str, str]]] = {
    "web": {("head_bucket", O), ("head_bucket", V), ("head_bucket", A), ("head_object", O), ("head_object", V)}
    | {("put_object", O)},
    "generate": {("head_bucket", O), ("head_bucket", V), ("head_object", V)},
    "worker": {("head_bucket", O), ("head_bucket", V), ("head_object", O), ("head_object", V), ("put_object", V)},
    "beat": {("head_bucket", O), ("head_bucket", V), ("head_bucket", A)}
    | {("head_object", O), ("head_object", V), ("head_object", A)},
}

# Who runs what: each use of the storage in the code, and the roles that get there. `beat`: commands of people, too.
MODULES = {"storage", "parts_s3"}
DISPATCH = {"web", "generate", "beat"}  # with RX_BACKEND=lambda they make variants, too: Lambda stores them
USES: Mapping[tuple[str, str], set[str]] = {
    ("ops/health.py", "reachable"): {"web", "generate"},
    ("ops/why/standing.py", "head_variant"): {"web"},
    ("ops/why/standing.py", "head_original"): {"web"},
    ("ops/doctor/storage.py", "delete_variant"): {"worker"},
    ("ops/doctor/storage.py", "delete_everything"): {"web"},
    ("api/pictures/variants.py", "variant_exists"): {"web", "generate"},
    ("review/duplicates.py", "get_original"): {"beat"},
    ("audit/anchors.py", "anchor_exists"): {"beat"},
    ("audit/anchors.py", "put_anchor"): {"beat"},
    # The gate asks what a restored database lacks (upkeep/restoring).
    ("audit/anchors.py", "anchor_keys"): {"web", "generate", "beat"},
    ("audit/anchors.py", "anchor_versions"): {"web", "generate", "beat"},
    ("variants/making.py", "get_original"): {"worker"},
    ("variants/making.py", "put_variant"): {"worker"},
    ("variants/making.py", "delete_variant"): {"worker", *DISPATCH},
    ("variants/asking.py", "head_variant"): {"web", "generate"},
    ("variants/documents/whole_pdf.py", "open_variant"): {"web", "generate"},
    **{
        ("variants/documents/stored_pdf.py", name): {"web", "generate"}
        for name in ("head_variant", "put_variant", "delete_variant")
    },
    ("variants/redactions.py", "list_objects"): {"web", "beat"},
    ("variants/redactions.py", "delete_variant"): {"web", "beat"},
    ("variants/sheets.py", "delete_everything"): {"web", "beat"},
    ("variants/backends/api_gateway.py", "head_variant"): DISPATCH,
    ("variants/delivery.py", "head_variant"): {"web", "generate"},
    ("variants/delivery.py", "open_variant"): {"web", "generate"},
    ("variants/delivery.py", "open_original"): {"web"},
    ("upkeep/erasure.py", "delete_everything"): {"web", "beat"},
    ("upkeep/ledger.py", "put_anchor"): {"web", "beat"},
    ("upkeep/ledger.py", "anchor_keys"): {"web", "generate", "beat"},  # the gate of ops/gate.py
    ("upkeep/reconcile.py", "abort_everything"): {"beat"},
    ("upkeep/reconcile.py", "delete_variant"): {"beat"},
    ("upkeep/reconcile.py", "head_variant"): {"beat"},
    ("upkeep/reconcile.py", "delete_everything"): {"beat"},
    ("upkeep/reconcile.py", "list_objects"): {"beat"},
    ("upkeep/export.py", "open_original"): {"web", "beat"},
    ("intake/loose.py", "delete_everything"): {"beat"},
    **{("intake/tus/pieces.py", name): {"web"} for name in ("begin", "add", "complete", "give_up")},
    **{("intake/tus/pieces.py", name): {"web"} for name in ("put_original", "get_original", "open_original")},
    ("intake/tus/pieces.py", "head_original"): {"web"},
    **{("intake/tus/pieces.py", name): {"web", "beat"} for name in ("abort_everything", "delete_everything")},
    ("intake/drafts.py", "get_original"): {"web"},
    ("intake/drafts.py", "put_original"): {"web"},
    ("intake/accepting.py", "put_original"): {"web"},
    ("intake/receipts.py", "put_original"): {"web"},
    ("intake/receipts.py", "open_original"): {"beat"},
    ("upkeep/restoring/rebuilding.py", "list_objects"): {"beat"},
}
POLICIES = {
    "web": ("WebPolicy",),
    "generate": ("GeneratePolicy",),
    "beat": ("BeatPolicy",),
    "worker": ("RenderPolicy", "WorkerRole"),
}


def functions(path: str) -> dict[str, ast.FunctionDef]:
    nodes = ast.parse((ROOT / "prescriptions" / path).read_text()).body
    return {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}


def called(function: ast.FunctionDef) -> Iterator[tuple[str, str | None]]:
    """(operation, bucket) of each `call("operation", Bucket=...)`."""
    buckets = [
        SETTING[node.attr] for node in ast.walk(function) if isinstance(node, ast.Attribute) and node.attr in SETTING
    ]
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "call":
            (operation,) = (argument.value for argument in node.args if isinstance(argument, ast.Constant))
            if any(keyword.arg == "VersionId" for keyword in node.keywords):
                operation = f"{operation}, by version"
            for bucket in buckets or [None]:
                yield str(operation), bucket


def test_the_table_of_operations_is_what_the_storage_calls() -> None:
    public = {
        name: node
        for path in ("infra/storage.py", "infra/parts_s3.py")
        for name, node in functions(path).items()
        if name[0] != "_" and any(called(node))
    }

    for name, node in public.items():
        assert set(called(node)) == OPERATIONS[name], name
    # Those that ask through `_CONDITIONAL` or django-storages.
    named = {"variant_exists", "head_variant", "put_variant", "head_original", "anchor_exists"}
    assert set(OPERATIONS) - set(public) == named


def test_every_use_of_the_storage_is_in_the_table() -> None:
    found = set()
    for path in (ROOT / "prescriptions").rglob("*.py"):
        name = path.relative_to(ROOT / "prescriptions").as_posix()
        if "storage" not in (text := path.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in MODULES:
                found.add((name, node.attr))
    # Handed over whole: transforms.make fetches and puts with it.
    found |= {("variants/making.py", "get_original"), ("variants/making.py", "put_variant")}
    known = {use for use in found if use[1] in OPERATIONS}

    assert known == set(USES)


def test_nobody_else_asks_the_client_itself() -> None:
    """Past the table. doctor looks at rules of buckets, too, and says "unknown" where it may not."""
    asking = {
        path.relative_to(ROOT / "prescriptions").as_posix()
        for path in (ROOT / "prescriptions").rglob("*.py")
        if "storage.client()" in path.read_text()
    }
    calls = set(
        re.findall(r"\bs3\.(\w+)\(|client\(\)\.(\w+)\(", (ROOT / "prescriptions/ops/doctor/storage.py").read_text())
    )
    rules = {"get_bucket_versioning", "get_bucket_lifecycle_configuration", "get_object_lock_configuration"}

    assert asking == {"ops/doctor/storage.py"}
    assert {one or other for one, other in calls} - rules == {"head_bucket", "head_object", "put_object"}


def wanted(role: str) -> set[tuple[str, str]]:
    """(action, resource as lambda_template.py writes it) of everything that a role asks for."""
    found: set[tuple[str, str]] = set()
    for (module, function), roles in USES.items():
        if role not in roles:
            continue
        for operation, bucket in OPERATIONS[function]:
            objects, whole = NEEDS[operation]
            for one in GIVEN[module, function] if bucket is None else {bucket}:
                folder = f"{FOLDER[module]}/*" if one == A else "*"
                if operation == "put_object" and module in WRITES:
                    folder = f"{WRITES[module]}/*"
                found |= {(action, f"${{{one}.Arn}}/{folder}") for action in objects}
                found |= {(action, f"{one}.Arn") for action in whole}
    for operation, bucket in DOCTOR[role]:
        objects, whole = NEEDS[operation]
        found |= {(action, f"${{{bucket}.Arn}}/{'anchors/' if bucket == A else ''}*") for action in objects}
        found |= {(action, f"{bucket}.Arn") for action in whole}
    return found


def keys(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What reading and writing encrypted objects needs of their key."""
    actions = {action for action, _ in found}
    needed = {
        "s3:GetObject": "kms:Decrypt",
        "s3:GetObjectVersion": "kms:Decrypt",
        "s3:PutObject": "kms:GenerateDataKey",
    }
    return {(key, "Key.Arn") for action, key in needed.items() if action in actions}


@pytest.mark.parametrize("role", POLICIES)
def test_a_role_may_do_what_its_code_asks_for_and_nothing_else(role: str, resources: dict[str, Any]) -> None:
    policies = granted(resources)
    allowed = set().union(*(policies[name] for name in POLICIES[role]))

    assert allowed == wanted(role) | keys(wanted(role))


def test_a_lost_original_is_told_from_a_forbidden_one_by_whoever_reads_originals(resources: dict[str, Any]) -> None:
    for name, grants in granted(resources).items():
        if ("s3:GetObject", "${Originals.Arn}/*") in grants:
            assert ("s3:ListBucket", "Originals.Arn") in grants, name


def test_the_function_calls_what_its_policy_allows() -> None:
    """Of S3 it knows these three calls; RenderPolicy is held against the worker's, which are the same."""
    nodes = ast.walk(ast.parse((ROOT / "transforms" / "function" / "s3.py").read_text()))
    (client,) = (node for node in nodes if isinstance(node, ast.ClassDef) and node.name == "S3Client")
    public = {node.name for node in client.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"}

    assert public - {"from_environ", "close", "locate"} == {"get", "head", "put"}
