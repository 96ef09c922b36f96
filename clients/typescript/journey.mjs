/** The journey of clients, in Node: RX_URL, RX_TOKEN and a picture's path in; what came of it out, as JSON. */
import { readFile } from "node:fs/promises";
import { Problem, RxClient } from "./dist/index.js";

const place = { baseUrl: process.env.RX_URL, token: process.env.RX_TOKEN };
const client = new RxClient(place);
const orderRef = process.env.RX_ORDER;
await client.putOrder(orderRef, { lines: [{ name: "Amoxicillin 500 mg", quantity_ordered: 21, schedule: "H" }] });
const picture = new File([await readFile(process.argv[2])], "photo.jpg", { type: "image/jpeg" });
const sent = await client.upload([picture], { orderRef });
const variant = await client.variant(sent.id, 1, "thumb");
const bytes = await client.bytes(variant);
const told = [];
for await (const { events } of client.events()) told.push(...events);
const refused = await client.prescription("0".repeat(32)).catch((problem) => problem);
// A scan that is too large for one go.
const scan = new File([await readFile(process.argv[3])], "scan.png", { type: "image/png" });
const seen = [];
const large = await new RxClient({ ...place, large: 1 }).upload([scan, picture], { orderRef });
await client.uploadInPieces([scan], {}, (at, bytes, total) => seen.push([at, bytes, total]));
const nothing = new File(["this is no picture"], "note.txt");
const unfit = await client.uploadInPieces([nothing]).catch((problem) => problem);
const strange = await new RxClient({ ...place, token: "no" }).uploadInPieces([scan]).catch((problem) => problem);
console.log(
  JSON.stringify({
    rx: sent.id,
    lines: (await client.waitFor(sent.id, ({ status }) => status === "queued")).lines.length,
    type: variant.media_type,
    whole: bytes.length === variant.bytes,
    events: told.filter(({ data }) => data.prescription === sent.id).map(({ type }) => type),
    refused: refused instanceof Problem && refused.code,
    pieces: large.documents.map(({ size }) => size),
    seen: seen.at(-1),
    unfit: [unfit instanceof Problem, unfit.code],
    strange: [strange instanceof Problem, strange.status, strange.code],
  }),
);
