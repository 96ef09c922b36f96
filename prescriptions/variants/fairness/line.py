"""The line of a lane, in Redis: start-time fair queueing (Goyal, Vin, Cheng 1996) among those who ask.

A Celery message says "make the next one of this lane"; which one that is, is decided here when a worker has a thread
for it. Each claim gets a start tag: the unit's last tag plus what that one costs, but no less than the lane's virtual
time, which is the tag of whoever was served last. The lowest tag is next. So units share a lane by what they cost; one
that was away brings no credit; and of one unit the first comes first.

The line is a hint, as messages are: what is lost with Redis is found in the database by the sweep. It holds ids and
digests alone, has an entry for each open claim at most, and goes when nobody has joined it for an hour.
"""

from typing import Final, Literal, TypeAlias

from prescriptions.infra import redis_client, scripts
from prescriptions.infra.scripts import Values
from prescriptions.variants.fairness import quota
from prescriptions.variants.fairness.tickets import RANKS, Ticket
from transforms.version import PIPELINE

_KEEP_SECONDS: Final = 3600
# Whoever opens a picture opens another a moment later.
_AWAITED: Final = "rx:awaited"
_AWAITED_SECONDS: Final = 3
# Of which claims somebody is next: all; those that somebody waits for; of these, presets and tiles; or of none.
Among: TypeAlias = Literal["any", "awaited", "advertised", "none"]

# An entry is "owner unit rank" under the variant's id. One that is there already keeps its place and its unit, under
# its new owner, unless whoever asks now would have a better place; that one is then charged for it.
_JOIN: Final = """
local owners, clock = KEYS[1], KEYS[2]
local id, owner, unit, rank, cost = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local hurry, open, counted, keep = ARGV[6] == 'hurry', ARGV[7], ARGV[8], ARGV[9]
local entry = redis.call('HGET', owners, id)
if hurry and not entry then return 0 end
local tags = KEYS[5 + rank]
local tag = math.max(tonumber(redis.call('HGET', clock, rank) or 0), tonumber(redis.call('ZSCORE', tags, unit) or 0))
local of, at, moves = unit, rank, true
if entry then
  local old_owner, old_unit, old_rank = string.match(entry, '(%S+) (%S+) (%d)')
  old_rank, of = tonumber(old_rank), old_unit
  if hurry then owner = old_owner end
  local old_tag = redis.call('ZSCORE', KEYS[2 + old_rank], id)
  moves = not old_tag or rank < old_rank or (rank == old_rank and tag < tonumber(old_tag))
  if moves then redis.call('ZREM', KEYS[2 + old_rank], id) else at = old_rank end
end
redis.call('HSET', owners, id, owner .. ' ' .. of .. ' ' .. at)
if moves then
  redis.call('ZADD', KEYS[2 + rank], tag, id)
  redis.call('ZADD', tags, tag + cost, unit)
end
if not hurry then
  redis.call('ZADD', open .. of, redis.call('TIME')[1] + counted, id)
  redis.call('EXPIRE', open .. of, counted)
end
for at = 1, 8 do redis.call('EXPIRE', KEYS[at], keep) end
if rank < 3 then redis.call('SET', KEYS[9], '', 'EX', ARGV[10]) end
return 1
"""

# Of eight turns one begins with what nobody waits for, and one with other sizes: nobody starves.
_NEXT: Final = """
local owners, clock = KEYS[1], KEYS[2]
local ranks = {1, 2, 3}
if ARGV[1] == 'advertised' then
  ranks = {1}
elseif ARGV[1] == 'awaited' then
  ranks = {1, 2}
else
  local turn = redis.call('HINCRBY', clock, 'turn', 1) % 8
  if turn == 0 then ranks = {3, 1, 2} elseif turn == 4 then ranks = {2, 1, 3} end
end
for _, rank in ipairs(ranks) do
  while true do
    local found = redis.call('ZPOPMIN', KEYS[2 + rank])
    if not found[1] then break end
    redis.call('HSET', clock, rank, found[2])
    redis.call('ZREMRANGEBYSCORE', KEYS[5 + rank], '-inf', found[2])
    local entry = redis.call('HGET', owners, found[1])
    redis.call('HDEL', owners, found[1])
    if entry then return {found[1], entry} end
  end
end
return false
"""


def join(ticket: Ticket, *, line: str) -> bool:
    """Into the line, and among what its unit has open. False: Redis is away, so nobody would find it there."""
    return _join(ticket, line, "join")


def hurry(ticket: Ticket, *, line: str) -> None:
    """Somebody asks for what waits there already: it moves up to the place that they would have had."""
    _join(ticket, line, "hurry")


def _join(ticket: Ticket, line: str, how: str) -> bool:
    owners, clock, waiting, tags = _keys(ticket.pipeline, line)
    what: Values = [ticket.variant_id, ticket.owner, ticket.unit, ticket.rank, ticket.cost]
    counted: Values = [quota.key(ticket.lane, ""), quota.counted_seconds()]
    times: Values = [_KEEP_SECONDS, _AWAITED_SECONDS]
    try:
        scripts.run(_JOIN, keys=[owners, clock, *waiting, *tags, _AWAITED], values=[*what, how, *counted, *times])
    except scripts.Away:
        return False
    return True


def place_of(ticket: Ticket, *, line: str) -> tuple[int, int] | None:
    """Its rank, and how many of that rank are before it. None: it is not there. Raises redis.RedisError."""
    owners, _clock, waiting, _tags = _keys(ticket.pipeline, line)
    redis = redis_client.connection()
    entry = redis.hget(owners, ticket.variant_id)
    if not isinstance(entry, bytes):
        return None
    rank = int(entry.split()[-1])
    return rank, int(str(redis.zrank(waiting[RANKS.index(rank)], ticket.variant_id) or 0))


def somebody_waits() -> bool:
    """Has anybody, in any lane, asked for what they wait for within the last seconds? False where nobody knows."""
    try:
        return bool(scripts.run("return redis.call('EXISTS', KEYS[1])", keys=[_AWAITED], values=[]))
    except scripts.Away:
        return False


def next_of(line: str, *, among: Among = "any") -> Ticket | None:
    """Whoever is next, of this release's, leaves the line. None: nobody is there, or nobody knows."""
    owners, clock, waiting, tags = _keys(PIPELINE, line)
    try:
        found = scripts.run(_NEXT, keys=[owners, clock, *waiting, *tags], values=[among])
    except scripts.Away:
        return None
    if not found:
        return None
    variant_id, entry = (part.decode() for part in found)
    owner, unit, rank = entry.split()
    return Ticket(variant_id, owner, line, unit, int(rank))


def _keys(pipeline: str, line: str) -> tuple[str, str, list[str], list[str]]:
    """Owners by variant; virtual times by rank; for each rank start tags by variant, and next tags by unit."""
    base = f"rx:line:{pipeline}:{line}"
    waiting = [f"{base}:{rank}" for rank in RANKS]
    return f"{base}:owners", f"{base}:clock", waiting, [f"{key}:tags" for key in waiting]
