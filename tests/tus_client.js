// A page of a shop, as far as tus-js-client knows: `node tus_client.js < {endpoint, headers, metadata, file, chunk, cut}`.
// Stops behind `cut` bytes as if the line had broken, and goes on with a new object that knows the address alone.
// Writes {cut, seen: [[method, status, offset]], location}.
'use strict';

const fs = require('fs');
const tus = require(`${process.argv[2]}/tus-js-client`);

const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
const file = fs.readFileSync(asked.file);
const seen = [];
const common = {
    headers: asked.headers,
    metadata: asked.metadata,
    chunkSize: asked.chunk,
    retryDelays: [100, 200, 400],
    onAfterResponse: (request, response) => {
        seen.push([request.getMethod(), response.getStatus(), response.getHeader('Upload-Offset')]);
    },
    onError: (error) => {
        console.error(String(error));
        process.exit(1);
    },
};

const first = new tus.Upload(file, {
    ...common,
    endpoint: asked.endpoint,
    onChunkComplete: async (_size, accepted) => {
        if (accepted >= asked.cut) {
            await first.abort();
            const cut = accepted;
            const second = new tus.Upload(file, {
                ...common,
                uploadUrl: first.url,
                onSuccess: ({ lastResponse }) => {
                    console.log(JSON.stringify({ cut, seen, location: lastResponse.getHeader('Location') }));
                },
            });
            second.start();
        }
    },
});
first.start();
