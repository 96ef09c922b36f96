// What nginx.conf.template asks of JavaScript: is this link good, and how is the S3 request signed.
// The only file that touches the request, the clock, the environment and the disk. Must never log a token or a key.
import crypto from 'crypto';
import fs from 'fs';
import sigv4 from 'sigv4.js';

// Browsers may keep an image for as long as its link is good, but never for more than a day.
const LONGEST = 86400;

// --- Link tokens, verified exactly as prescriptions/variants/links/tokens.py does (tests/vectors/links.json proves it) ---
// Pure: no request, no clock, no environment. Must never say why a token was refused.

// {kid}.{exp}.{scope}.{mac}: expiry in base-36 unix seconds, mac = 16 bytes in base64url without padding. Its last
// character carries two bits: only these four leave the rest zero, so that the same bytes have no second spelling.
// Behind the scope 12 hex digits: the id of a link that can be taken back.
const TOKEN = /^([a-z0-9]{1,8})\.([0-9a-z]{1,9})\.([fr])([0-9a-f]{12})?\.([A-Za-z0-9_-]{21}[AQgw])$/;
// An empty or short key would make every mac easy to compute.
const SECRET = /^(?:[0-9a-f]{2}){16,}$/;

// The key named kid of a keyring as configured ("k1:<hex>,k0:<hex>"), or null. Throws where its hex is not a key.
function keyOf(ring, kid) {
    const entry = ring.split(',').map((e) => e.trim()).find((e) => e.startsWith(`${kid}:`));
    if (entry === undefined) {
        return null;
    }
    const secret = entry.slice(kid.length + 1);
    if (!SECRET.test(secret)) {
        throw new Error(`RX_LINK_KEYS: the key ${kid} must be 16 or more bytes in lower-case hex`);
    }
    return Buffer.from(secret, 'hex');
}

// Takes as long for a wrong first byte as for a wrong last one, so a mac cannot be guessed piece by piece.
// In words, because a loop over characters costs as much here as the HMAC itself.
function same(a, b) {
    const differs = (at) => a.readInt32LE(at) ^ b.readInt32LE(at);
    return (differs(0) | differs(4) | differs(8) | differs(12)) === 0;
}

// Whole seconds until a token of the right form expires. now: unix seconds.
function left(token, now) {
    return parseInt(token.split('.')[1], 36) - Math.floor(now);
}

// {scope, left} of a valid token (left: whole seconds until it expires, at least 1), else null. now: unix seconds;
// page: number of the page that is asked for. A link with an id may be for one page: then the mac is over that.
function verify(ring, token, rx, now, page) {
    const match = TOKEN.exec(token);
    // njs lets `$` match before a final line break, too: what matched must be all there is.
    if (match === null || match[0] !== token) {
        return null;
    }
    const key = keyOf(ring, match[1]);
    if (key === null) {
        return null;
    }
    const id = match[4] || '';
    const head = `rx-link-v1\n${match[1]}\n${match[2]}\n${match[3]}${id}\n`;
    const mac = Buffer.from(match[5], 'base64url');
    const opens = (subject) => same(crypto.createHmac('sha256', key).update(head + subject).digest(), mac);
    if (!opens(rx) && !(id && page && opens(`${rx}_${page}`))) {
        return null;
    }
    const seconds = left(token, now);
    return seconds > 0 ? { scope: match[3], left: seconds } : null;
}

// --- The gate ---------------------------------------------------------------------------------------------------------
// An answer is cached under its link for so many seconds (proxy_cache_valid), and tells browsers the same all that time:
// so what it tells is shorter by as much, and by what S3 may take.
const KEPT = 30;
const SLACK = 5;

// For a stored form that is not cached: 'refuse', 'app' (Django knows the answer), or the seconds that browsers may keep
// it. An error here leaves the variable empty, which the template takes for "down" and never for "yes".
function gate(r) {
    const v = r.variables;
    const link = verify(process.env.RX_LINK_KEYS, v.rx_token, v.rx_rx, Date.now() / 1000, v.rx_page);
    if (link === null) {
        return 'refuse';
    }
    // A link to redacted images opens no other quality. What it shows as `default` is for Django to say:
    // it redirects to the current redaction, whose digest is not in the URL.
    if (link.scope === 'r' && !v.rx_quality.startsWith('redacted-')) {
        return v.rx_quality === 'default' ? 'app' : 'refuse';
    }
    const early = link.left > KEPT + SLACK ? KEPT + SLACK : 0;
    return String(Math.min(link.left - early, LONGEST));
}

// 'yes' if the answer may be kept: to its last second in the cache, neither it nor what it tells browsers outlives the
// link. Asked when S3 has answered, however long that took.
function lasting(r) {
    const v = r.variables;
    return left(v.rx_token, Date.now() / 1000) - KEPT > Number(v.rx_gate) ? 'yes' : 'no';
}

// --- Links that can be taken back ---------------------------------------------------------------------------------------
// Which of them were: Django says so with every answer about one. What it said is looked at before any remembered verdict,
// so a link that was taken back opens nothing here as soon as it is known, whatever the cache has.
// After FRESH seconds it is asked for again beside a request; what is older than OLD is nobody's word any more, and then
// Django is asked before the request is answered. Links without an id never come here.
const FRESH = 10;
const OLD = 30;
// Instead of ids: too many to say.
const TOO_MANY = '*';

// Seconds since it was said, or Infinity.
function age() {
    const at = ngx.shared.rx_cut.get('at');
    return at === undefined ? Infinity : Date.now() / 1000 - Number(at);
}

// 'good', 'cut', or 'ask' of the link in the address. Nobody is asked about a token that we did not sign.
function standing(r) {
    const v = r.variables;
    const said = ngx.shared.rx_cut.get('ids');
    if (age() > OLD || said === TOO_MANY) {
        const link = verify(process.env.RX_LINK_KEYS, v.rx_token, v.rx_rx, Date.now() / 1000, v.rx_page);
        return link === null ? 'cut' : 'ask';
    }
    return said.includes(v.rx_link_id) ? 'cut' : 'good';
}

// 'yes' once in two seconds, for all workers together, if it is time to ask again.
function due(r) {
    if (age() <= FRESH) {
        return 'no';
    }
    return ngx.shared.rx_kept.incr(`links ${Math.floor(Date.now() / 2000)}`, 1, 0) === 1 ? 'yes' : 'no';
}

// Remembers what Django said about links, whichever one it was asked about.
function learn(r) {
    const said = r.headersOut['X-Rx-Cut'];
    if (said !== undefined) {
        ngx.shared.rx_cut.set('ids', said);
        ngx.shared.rx_cut.set('at', String(Date.now() / 1000));
    }
}

// nginx looks at how full the cache is every ten seconds at most, and an answer that meets a full tmpfs is cut off. So no
// more is kept in one stretch of time, by all workers together, than a part of what it has room for.
const STRETCH = 10000;
const ROOM = 64 * 1048576;
// Of larger ones a few would be all of it; they come from S3 each time.
const LARGE = 1048576;

// 'yes' if there is room for this answer. Asked when its length is known.
function room(r) {
    const length = Number(r.variables.upstream_http_content_length);
    if (!(length < LARGE)) {
        return 'no';
    }
    return ngx.shared.rx_kept.incr(String(Math.floor(Date.now() / STRETCH)), length, 0) <= ROOM ? 'yes' : 'no';
}

// The credentials file as it is now: it is replaced every few hours, and is only read when S3 is asked.
function credentialsFile() {
    const path = process.env.RX_EDGE_CREDENTIALS_FILE;
    return path ? fs.readFileSync(path, 'utf8') : '';
}

// {access, secret, session} from one reading of the file per request, else from the environment.
function credentials(r) {
    const text = r.variables.rx_s3_credentials;
    if (text) {
        const found = JSON.parse(text);
        return { access: found.AccessKeyId, secret: found.SecretAccessKey, session: found.Token || '' };
    }
    return { access: process.env.RX_EDGE_ACCESS_KEY, secret: process.env.RX_EDGE_SECRET_KEY, session: '' };
}

function s3Date() {
    return sigv4.amzDate(Date.now());
}

function s3Session(r) {
    return credentials(r).session;
}

// Always for GET: under proxy_cache nginx asks S3 with GET even where the client said HEAD.
function s3Authorization(r) {
    const v = r.variables;
    const request = {
        host: v.rx_s3_host, path: v.rx_s3_path, query: v.rx_s3_query, date: v.rx_s3_date, region: v.rx_region,
    };
    return sigv4.authorization(request, credentials(r));
}

// An unsatisfiable Range, or a condition that does not hold, is only found out after the headers of a 200 were written.
// Drops those, and keeps what belongs to the error itself; nginx adds the rest after this filter.
const OF_THE_ERROR = ['content-type', 'content-length', 'content-range'];

function startOver(r) {
    for (const name in r.headersOut) {
        if (!OF_THE_ERROR.includes(name.toLowerCase())) {
            delete r.headersOut[name];
        }
    }
}

export default { credentialsFile, due, gate, lasting, learn, room, standing, startOver, s3Authorization, s3Date, s3Session, verify };
