// Link tokens, verified exactly as prescriptions/variants/links.py does (tests/vectors/links.json proves it).
// Pure: no request, no clock, no environment. Must never say why a token was refused.
import crypto from 'crypto';

// {kid}.{exp}.{scope}.{mac}: expiry in base-36 unix seconds, mac = 16 bytes in base64url without padding. Its last
// character carries two bits: only these four leave the rest zero, so that the same bytes have no second spelling.
const TOKEN = /^([a-z0-9]{1,8})\.([0-9a-z]{1,9})\.([fr])\.([A-Za-z0-9_-]{21}[AQgw])$/;
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

// {scope, left} of a valid token (left: whole seconds until it expires, at least 1), else null. now: unix seconds.
function verify(ring, token, rx, now) {
    const match = TOKEN.exec(token);
    // njs lets `$` match before a final line break, too: what matched must be all there is.
    if (match === null || match[0] !== token) {
        return null;
    }
    const key = keyOf(ring, match[1]);
    if (key === null) {
        return null;
    }
    const message = `rx-link-v1\n${match[1]}\n${match[2]}\n${match[3]}\n${rx}`;
    const digest = crypto.createHmac('sha256', key).update(message).digest();
    if (!same(digest, Buffer.from(match[4], 'base64url'))) {
        return null;
    }
    const left = parseInt(match[2], 36) - Math.floor(now);
    return left > 0 ? { scope: match[3], left: left } : null;
}

export default { verify };
