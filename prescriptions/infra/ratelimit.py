"""RateLimit and RateLimit-Policy, as the IETF has them (draft-ietf-httpapi-ratelimit-headers): what is limited, to how
much, and how much of it is left.
"""


def fields(
    name: str, most: int, *, left: int | None, reset: int | None = None, window: int | None = None, unit: str = ""
) -> dict[str, str]:
    """Fields of one limit. `left`: None where nobody knows. `reset`: seconds after which it is worth trying again;
    `window`: seconds that `most` is for, None where it is not for a time; `unit`: of what, if not of requests.
    """
    policy = f'"{name}";q={most}'
    policy += f";w={window}" if window is not None else ""
    policy += f';qu="{unit}"' if unit else ""
    said = {"RateLimit-Policy": policy}
    if left is None:
        return said
    return {**said, "RateLimit": f'"{name}";r={left}' + (f";t={reset}" if reset is not None else "")}
