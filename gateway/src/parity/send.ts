/**
 * Asks one side: sends a request of the corpus as it is written, follows no redirect, and brings back an answer or the reason
 * why there is none. Every wait and every size has a limit.
 */
import { Pool } from 'undici';
import { headerOf, type Answer, type Body } from '../core/answer.ts';
import type { Asked } from '../core/compare.ts';
import type { Upstream } from '../core/table.ts';
import { readBody } from './body.ts';

/** What is sent; `target` is path and query. */
export interface Question {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | null;
}

// Fields of the connection, which the client sets, and those that only the facade may say.
const UNSENT = new Set([
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'expect',
  'te',
  'trailer',
]);
const UNSENT_PREFIX = 'banyan-';
const MAX_HEADERS_BYTES = 64 * 1024; // As much as the facade takes of an answer.

/** One side of a comparison. */
export class Side {
  /** `http://127.0.0.1:8081`. */
  readonly origin: string;
  readonly #pool: Pool;
  readonly #totalMs: number;
  readonly #maxBytes: number;

  /**
   * @param connections most requests at a time
   * @param maxBytes of a body, before and after decoding
   */
  constructor(origin: string, upstream: Upstream, limits: { readonly connections: number; readonly maxBytes: number }) {
    const { connectMs, headersMs, bodyMs } = upstream.timeout;
    this.origin = origin;
    this.#maxBytes = limits.maxBytes;
    // A body may trickle, each piece in time; all of them together may take no longer than a caller would wait.
    this.#totalMs = connectMs + headersMs + bodyMs;
    this.#pool = new Pool(origin, {
      connections: limits.connections,
      pipelining: 1,
      connect: { timeout: connectMs },
      headersTimeout: headersMs,
      bodyTimeout: bodyMs,
      maxHeaderSize: MAX_HEADERS_BYTES,
    });
  }

  /** Never throws. */
  async ask(question: Question): Promise<Asked> {
    try {
      const { statusCode, headers, body } = await this.#pool.request({
        method: question.method,
        path: question.target,
        headers: question.headers.filter(([name]) => isSent(name)).flat(),
        body: question.body,
        responseHeaders: 'raw',
        signal: AbortSignal.timeout(this.#totalMs),
      });
      const pairs = pairsOf(headers);
      const bare: Answer = { status: statusCode, headers: pairs, body: { kind: 'none' }, origin: this.origin };
      return { kind: 'answered', answer: { ...bare, body: await this.#bodyOf(body, bare) } };
    } catch (error) {
      return { kind: 'failed', because: reasonOf(error, this.origin) };
    }
  }

  async #bodyOf(stream: AsyncIterable<Buffer> & { destroy(): unknown }, answer: Answer): Promise<Body> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes > this.#maxBytes) {
        stream.destroy();
        return { kind: 'large' };
      }
      chunks.push(chunk);
    }
    return readBody(Buffer.concat(chunks), (name) => headerOf(answer, name), this.#maxBytes);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function isSent(name: string): boolean {
  const lower = name.toLowerCase();
  return !UNSENT.has(lower) && !lower.startsWith(UNSENT_PREFIX);
}

/** Undici gives raw fields as a flat list, whatever its types say. */
function pairsOf(raw: unknown): readonly (readonly [string, string])[] {
  const flat: readonly unknown[] = Array.isArray(raw) ? raw : [];
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([String(flat[at]), String(flat[at + 1])]);
  return pairs;
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'no connection in time'],
  ['UND_ERR_HEADERS_TIMEOUT', 'no answer in time'],
  ['UND_ERR_BODY_TIMEOUT', 'the body did not come in time'],
  ['UND_ERR_HEADERS_OVERFLOW', 'too many bytes of headers'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'the body was cut off'],
  ['UND_ERR_SOCKET', 'the connection was cut off'],
  ['ECONNRESET', 'the connection was cut off'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'its host is not known'],
]);

/** One sentence: what failed, and where. */
export function reasonOf(error: unknown, origin: string): string {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const what = name === 'TimeoutError' ? 'the body did not come in time' : (REASONS.get(code) ?? (message || code));
  return `${origin}: ${what}`;
}
