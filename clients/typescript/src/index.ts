/** The API, typed by its OpenAPI document, with what every caller needs: keys for POST, tries again, waiting, uploads. */
import createClient, { type Client, type Middleware } from "openapi-fetch";
import { Webhook } from "standardwebhooks";
import { inPieces, type Place } from "./pieces.js";
import type { components, paths } from "./schema.js";

export type { components, paths } from "./schema.js";
export type Schemas = components["schemas"];
export type Prescription = Schemas["Prescription"];
export type Variant = Schemas["Variant"];
export type RxEvent = Schemas["Event"];

export interface Options {
  /** As `https://rx.example.org`. */
  baseUrl: string;
  token: string;
  /** How often a request is tried in all. */
  tries?: number;
  /** From so many bytes on a file goes in pieces. */
  large?: number;
  fetch?: typeof fetch;
}

/** A refusal: RFC 9457. */
export class Problem extends Error {
  constructor(readonly status: number, readonly body: Schemas["Problem"]) {
    super(`${status} ${body.title}: ${body.detail}`);
  }
  get code(): string {
    return this.body.type.split("#").pop() ?? "";
  }
}

const AGAIN = new Set([429, 502, 503, 504]);
const LONGEST = 60;
const TRIES = 5;
const LARGE = 4 * 1024 * 1024;

/** Seconds until the next try: what the server says, else longer each time; never all callers at once. */
function pause(attempt: number, said: string | null): number {
  const asked = Number(said);
  const least = said !== null && Number.isFinite(asked) && asked >= 0 ? asked : Math.min(0.5 * 2 ** attempt, LONGEST);
  return least + Math.random() * Math.max(0.25, least / 4);
}

function mayRepeat(answer: Response): boolean {
  return AGAIN.has(answer.status) || (answer.status === 409 && answer.headers.has("Retry-After"));
}

const sleep = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));

/** Tries again where that helps. A POST has its Idempotency-Key, so nothing is done twice. */
function patient(options: Options): typeof fetch {
  const send = options.fetch ?? fetch;
  const tries = options.tries ?? TRIES;
  return async (input, init) => {
    const request = new Request(input, init);
    for (let attempt = 0; ; attempt++) {
      const last = attempt + 1 >= tries;
      try {
        const answer = await send(request.clone());
        if (last || !mayRepeat(answer)) return answer;
        await answer.body?.cancel();
        await sleep(pause(attempt, answer.headers.get("Retry-After")));
      } catch (trouble) {
        if (last || request.signal.aborted) throw trouble;
        await sleep(pause(attempt, null));
      }
    }
  };
}

const headers = (token: string): Middleware => ({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
    request.headers.set("Accept", "application/json");
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
      request.headers.set("Idempotency-Key", crypto.randomUUID());
    }
    return request;
  },
});

/** Throws a Problem unless there is an answer. */
function said<T>(result: { data?: T; error?: unknown; response: Response }): T {
  if (result.data !== undefined) return result.data;
  throw problem(result.response.status, result.error, result.response.statusText);
}

/** `body`: as it was parsed; whatever is no problem counts for nothing. */
function problem(status: number, body: unknown, title = ""): Problem {
  const blank = { type: "", title, status, detail: "", request_id: "" };
  return new Problem(status, { ...blank, ...(typeof body === "object" ? body : {}) });
}

function refused(status: number, body: string): Problem {
  try {
    return problem(status, JSON.parse(body));
  } catch {
    return problem(status, undefined);
  }
}

export interface References {
  orderRef?: string;
  patientRef?: string;
}

const named = ({ orderRef, patientRef }: References) => ({
  ...(orderRef ? { order_ref: orderRef } : {}),
  ...(patientRef ? { patient_ref: patientRef } : {}),
});

export class RxClient {
  /** Every operation, by its path. */
  readonly api: Client<paths>;
  private readonly place: Place;
  private readonly large: number;

  constructor(options: Options) {
    const { baseUrl, token, tries = TRIES, large = LARGE } = options;
    this.place = { baseUrl, token, tries };
    this.large = large;
    this.api = createClient<paths>({ baseUrl: options.baseUrl, fetch: patient(options) });
    this.api.use(headers(options.token));
  }

  /** One prescription of these files, in their order. If one of them is large, all go in pieces first. */
  async upload(files: (File | Blob)[], references: References = {}): Promise<Prescription> {
    if (files.some(({ size }) => size >= this.large)) return this.uploadInPieces(files, references);
    const form = new FormData();
    for (const file of files) form.append("files", file, file instanceof File ? file.name : "prescription");
    for (const [name, value] of Object.entries(named(references))) form.append(name, value);
    const body = form as unknown as Schemas["UploadRequest"];
    return said(await this.api.POST("/api/v1/prescriptions", { body, bodySerializer: () => form }));
  }

  /** The same over a line that breaks. `progress`: bytes of file `at` that have come, and all it has. */
  async uploadInPieces(
    files: (File | Blob)[],
    references: References = {},
    progress?: (at: number, sent: number, total: number) => void,
  ): Promise<Prescription> {
    const uploads: string[] = [];
    for (const [at, file] of files.entries()) {
      uploads.push(await inPieces(file, this.place, refused, (sent, total) => progress?.(at, sent, total)));
    }
    return said(await this.api.POST("/api/v1/prescriptions", { body: { uploads, ...named(references) } }));
  }

  async prescription(rx: string): Promise<Prescription> {
    return said(await this.api.GET("/api/v1/prescriptions/{rx}", { params: { path: { rx } } }));
  }

  async putOrder(orderRef: string, order: Schemas["OrderRequestRequest"]): Promise<Schemas["Order"]> {
    const path = { order_ref: orderRef };
    return said(await this.api.PUT("/api/v1/orders/{order_ref}", { params: { path }, body: order }));
  }

  /** The variant's address, once it is there. `spec`: a preset, or `{region}/{size}/{rotation}/{quality}.{format}`. */
  async variant(rx: string, page: number, spec: string): Promise<Variant> {
    const path = { rx, number: String(page), spec };
    const answer = await this.api.GET("/api/v1/prescriptions/{rx}/pages/{number}/variants/{spec}", { params: { path } });
    return said(answer) as Variant;
  }

  /** The variant's bytes: its address is asked without a token. */
  async bytes(variant: Variant): Promise<Uint8Array> {
    const answer = await fetch(variant.url);
    if (!answer.ok) throw new Error(`${answer.status} at the variant's address`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** What happened, oldest first, until there is no more for now. `next` of the last page is where to go on. */
  async *events(after = 0, types?: string[]): AsyncGenerator<{ events: RxEvent[]; next: number }> {
    for (let more = true; more; ) {
      const query = { after, ...(types ? { types: types.join(",") } : {}) };
      const page = said(await this.api.GET("/api/v1/events", { params: { query } }));
      ({ more, next: after } = page);
      yield { events: page.events, next: after };
    }
  }

  /** Until `done` says so of the prescription. Throws when time is over. */
  async waitFor(rx: string, done: (prescription: Prescription) => boolean, seconds = 60, every = 2): Promise<Prescription> {
    const ends = Date.now() + seconds * 1000;
    let current = await this.prescription(rx);
    while (!done(current)) {
      if (Date.now() >= ends) throw new Error(`${rx} is still ${current.status}`);
      await sleep(every);
      current = await this.prescription(rx);
    }
    return current;
  }
}

/** The event of a webhook, if its signature is right; throws otherwise. `body`: as it came, unparsed. */
export function verifyWebhook(secret: string, body: string, received: Record<string, string>): RxEvent {
  return new Webhook(secret).verify(body, received) as RxEvent;
}
