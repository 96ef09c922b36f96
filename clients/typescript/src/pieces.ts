/** A file in pieces (tus 1.0), so that a line that breaks costs one piece, and in a browser a restart not even that. */
import { DetailedError, Upload, type HttpResponse } from "tus-js-client";

export interface Place {
  baseUrl: string;
  token: string;
  tries: number;
}

const PIECE = 1024 * 1024;
/** Another offset, another piece under way, too many requests, a piece that was damaged; no answer is 0. */
const AGAIN = new Set([0, 409, 423, 429, 460]);

/** Seconds to milliseconds, each longer than the last, and no two callers alike. */
const delays = (tries: number) => Array.from({ length: tries - 1 }, (_, n) => 500 * 2 ** n * (1 + Math.random() / 4));

/** Sends it, or what is missing of it; its id once the server has all of it. `refused` makes an error of an answer. */
export async function inPieces(
  file: File | Blob,
  place: Place,
  refused: (status: number, body: string) => Error,
  progress?: (sent: number, total: number) => void,
): Promise<string> {
  const source = "document" in globalThis ? file : Buffer.from(await file.arrayBuffer()); // Node's reader knows no files
  return new Promise((done, failed) => {
    const upload = new Upload(source, {
      endpoint: `${place.baseUrl.replace(/\/$/, "")}/api/v1/uploads`,
      headers: { Authorization: `Bearer ${place.token}` },
      metadata: { filename: file instanceof File ? file.name : "prescription" },
      chunkSize: PIECE,
      retryDelays: delays(place.tries),
      removeFingerprintOnSuccess: true,
      onShouldRetry: (error) => again(error.originalResponse),
      onProgress: progress ?? null,
      onSuccess: () => done((upload.url ?? "").split("/").pop() ?? ""),
      onError: (error) => {
        const answer = error instanceof DetailedError ? error.originalResponse : null;
        failed(answer ? refused(answer.getStatus(), answer.getBody()) : error);
      },
    });
    upload.findPreviousUploads().then(([begun]) => {
      if (begun) upload.resumeFromPreviousUpload(begun);
      upload.start();
    }, failed);
  });
}

function again(answer: HttpResponse | null): boolean {
  const status = answer?.getStatus() ?? 0;
  return AGAIN.has(status) || status >= 500;
}
