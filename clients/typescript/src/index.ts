/** The API, typed by its OpenAPI document, with what every caller needs: keys for POST, tries again, waiting, uploads. */
import createClient, { type Client, type Middleware } from "openapi-fetch";
import { Webhook } from "standardwebhooks";
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
  const tries = options.tries ?? 5;
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
  const body = result.error as Partial<Schemas["Problem"]> | undefined;
  const { status, statusText } = result.response;
  const blank = { type: "", title: statusText, status, detail: "", request_id: "" };
  throw new Problem(status, { ...blank, ...(typeof body === "object" ? body : {}) });
}

export class RxClient {
  /** Every operation, by its path. */
  readonly api: Client<paths>;

  constructor(options: Options) {
    this.api = createClient<paths>({ baseUrl: options.baseUrl, fetch: patient(options) });
    this.api.use(headers(options.token));
  }

  async upload(files: (File | Blob)[], references: { orderRef?: string; patientRef?: string } = {}): Promise<Prescription> {
    const form = new FormData();
    for (const file of files) form.append("files", file, file instanceof File ? file.name : "prescription");
    if (references.orderRef) form.append("order_ref", references.orderRef);
    if (references.patientRef) form.append("patient_ref", references.patientRef);
    const body = form as unknown as Schemas["UploadRequest"];
    return said(await this.api.POST("/api/v1/prescriptions", { body, bodySerializer: () => form }));
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
