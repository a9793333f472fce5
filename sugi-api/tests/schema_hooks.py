"""What the schema-driven tester is told beside the document."""

import itertools

import schemathesis

# Rules of values that JSON Schema cannot state. Any other 422 to a body that the document allows
# means that the document says too little.
BEYOND_SCHEMA = {
    "card_number_in_text",  # a check digit
    "unknown_shop",  # depends on the configuration
    "not_in_contract",
    "tax_missing",  # depends on the payment
    "idempotency_key_reused",  # depends on the ledger
}
BEYOND_SCHEMA_FIELDS = {
    "product",  # 100 bytes of UTF-8, of any number of characters
    "reason",
    "card.expiry",  # not in the past
    "installment_months",  # 1 is none, and it must suit the amount
    "tax",  # must add up to the amount
    "outcome",  # must suit the tno
    "remaining",  # stands without tno and outcome
    "url",  # https beyond this machine
}


keys = itertools.count(1)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """New keys and the right shop for most requests, or few would get as far as KCP."""
    number = next(keys)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # Nothing happens that it would be worth waiting for.
    if case.path == "/v1/events" and case.headers.get("Prefer"):
        case.headers["Prefer"] = "wait=0"
    # Whatever address it thought of, nobody beyond this machine is asked.
    if isinstance(case.body, dict) and "url" in case.body:
        case.body["url"] = "http://127.0.0.1:9/"
    if number % 4 == 0:
        return
    if case.headers.get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = f"schema-{number}"
    # The shop that there is.
    if isinstance(case.body, dict) and "shop" in case.body:
        case.body["shop"] = "main"


@schemathesis.check
def rules_are_documented(ctx, response, case):
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    if problem["code"] in BEYOND_SCHEMA or problem.get("field") in BEYOND_SCHEMA_FIELDS:
        return
    raise AssertionError(f"the document allows what is refused: {problem}")


@schemathesis.check
def problems_are_whole(ctx, response, case):
    if response.status_code < 400 or response.status_code == 431:
        return
    assert response.headers["content-type"][0] == "application/problem+json", response.headers
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    assert isinstance(problem["money_may_have_moved"], bool) and problem["next"]
    assert response.headers["x-request-id"]
