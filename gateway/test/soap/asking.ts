/** Asks `identify` about messages as a caller of the facade would send them, and drives what passes to its end. */
import { PassThrough, Readable } from 'node:stream';
import { serviceOf, type Operation, type Service } from '@banyan/gateway/core/soap/service';
import { identify, type Identified, type IdentifyOptions } from '@banyan/gateway/soap/identify';
import { bodyOf, SoapRefused } from '@banyan/gateway/soap/passage';
import { ORDERS } from './samples.ts';

export const operation = (name: string, more: Partial<Operation> = {}): Operation => ({
  name,
  style: 'document',
  input: { namespace: ORDERS, local: name },
  output: null,
  faults: [],
  oneWay: false,
  actions: { '1.1': [`${ORDERS}/${name}`], '1.2': [`${ORDERS}/${name}`] },
  addressing: [`${ORDERS}/OrderPort/${name}Request`],
  ...more,
});

export const orders: Service = serviceOf([operation('GetOrder'), operation('CancelOrder'), operation('PlaceOrder')]);

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer | string | readonly Buffer[];
  readonly service?: Service;
  readonly options?: Partial<IdentifyOptions>;
}

const defaults: IdentifyOptions = { check: 'whole', actionMismatch: 'refuse', timeoutMs: 20_000 };

export const rawHeadersOf = (headers: NonNullable<Ask['headers']>): string[] =>
  Object.entries(headers).flatMap(([name, values]) => [values].flat().flatMap((value) => [name, value]));

/** A body that comes in exactly these chunks. */
export function streamOf(chunks: readonly Buffer[]): Readable {
  const waiting = [...chunks];
  return new Readable({
    read() {
      // One at a time, as a socket gives them.
      const next = waiting.shift();
      setImmediate(() => this.push(next ?? null));
    },
  });
}

export async function ask({
  method = 'POST',
  headers = {},
  body,
  service = orders,
  options = {},
}: Ask): Promise<Identified> {
  const stream = streamOf(chunksOf(body));
  return await identify({ method, rawHeaders: rawHeadersOf(headers), body: stream }, service, {
    ...defaults,
    ...options,
  });
}

const chunksOf = (body: Ask['body']): readonly Buffer[] =>
  typeof body === 'string' ? [Buffer.from(body)] : Buffer.isBuffer(body) ? [body] : body;

/** What the sender's message came to in the end: how it was classified, or the refusal, early or late; and the bytes that went on. */
export async function settle(
  question: Ask,
): Promise<{ readonly verdict: string; readonly sent: Buffer; readonly identified: Identified }> {
  const stream = streamOf(chunksOf(question.body));
  const { method = 'POST', headers = {}, service = orders, options = {} } = question;
  const input = { method, rawHeaders: rawHeadersOf(headers), body: stream };
  const identified = await identify(input, service, { ...defaults, ...options });
  const sent: Buffer[] = [];
  const outcome = (verdict: string): Awaited<ReturnType<typeof settle>> => ({
    verdict,
    sent: Buffer.concat(sent),
    identified,
  });
  if (identified.kind === 'refused') return outcome(identified.because);
  if (identified.kind === 'departed') return outcome('departed');
  try {
    for await (const chunk of bodyOf(identified, stream)) sent.push(chunk);
  } catch (error) {
    if (error instanceof SoapRefused) return outcome(error.refused.because);
    throw error;
  }
  if (identified.kind === 'unclassified') return outcome(`unclassified ${identified.refused.because}`);
  const { version, namespace, name } = identified;
  return outcome(`${version} {${namespace}}${name}`);
}

/** A stream that gives nothing until it is told to. */
export const idle = (): PassThrough => new PassThrough();
