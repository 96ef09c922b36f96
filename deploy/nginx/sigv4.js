// AWS Signature Version 4 of one S3 GET without a body. Pure: no request, no clock, no environment.
import crypto from 'crypto';

// A GET has no body to protect, and hashing an empty one would only cost time.
const PAYLOAD = 'UNSIGNED-PAYLOAD';

// Milliseconds since 1970 as 20260131T235959Z.
function amzDate(milliseconds) {
    return new Date(milliseconds).toISOString().replace(/[-:]|\.\d+/g, '');
}

function hmac(key, text) {
    return crypto.createHmac('sha256', key).update(text).digest();
}

// The Authorization header. request: {host, path and query (encoded, in order), date (amzDate), region},
// credentials: {access, secret, session ('' for long-lived keys)}.
function authorization(request, credentials) {
    const headers = [
        ['host', request.host],
        ['x-amz-content-sha256', PAYLOAD],
        ['x-amz-date', request.date],
    ];
    // Temporary credentials only count together with their session token, which is signed as well.
    if (credentials.session) {
        headers.push(['x-amz-security-token', credentials.session]);
    }
    const signed = headers.map((h) => h[0]).join(';');
    const canonical = ['GET', request.path, request.query, headers.map((h) => `${h[0]}:${h[1]}\n`).join(''), signed, PAYLOAD];
    const digest = crypto.createHash('sha256').update(canonical.join('\n')).digest('hex');
    const day = request.date.slice(0, 8);
    const scope = `${day}/${request.region}/s3/aws4_request`;
    const key = hmac(hmac(hmac(hmac(`AWS4${credentials.secret}`, day), request.region), 's3'), 'aws4_request');
    const text = `AWS4-HMAC-SHA256\n${request.date}\n${scope}\n${digest}`;
    const signature = crypto.createHmac('sha256', key).update(text).digest('hex');
    return `AWS4-HMAC-SHA256 Credential=${credentials.access}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

export default { amzDate, authorization, PAYLOAD };
