/** Stands between a client and the facade, passes everything on, and keeps what it saw: the bytes that no client shows. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly sent: Buffer;
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly answer: Buffer;
}

/** A request on its way to the facade; header names in lower case. */
export interface Passing {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export interface Recorder {
  /** Changes calls (POST) on their way: what no real client would say by itself. */
  alter: ((passing: Passing) => Passing) | null;
  /** Without a slash at its end. */
  readonly url: string;
  /** In the order of their ends. */
  readonly seen: Recorded[];
  close(): Promise<void>;
}

/** @param target base URL, asked for when a request comes: it may not be known before */
export async function record(target: () => string): Promise<Recorder> {
  const recorder: Recorder = { url: '', alter: null, seen: [], close: async () => undefined };
  const server = createServer((req, res) => void pass(req, res, target(), recorder));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return Object.assign(recorder, { url: `http://127.0.0.1:${port}`, close });
}

async function pass(
  req: IncomingMessage,
  res: ServerResponse,
  target: string,
  { alter, seen }: Recorder,
): Promise<void> {
  try {
    const { method = 'GET', url = '/' } = req;
    const came: Passing = { headers: req.headers, body: Buffer.concat(await req.toArray()) };
    const { headers, body: sent } = alter === null || method !== 'POST' ? came : alter(came);
    const outgoing = request(new URL(url, target), { method, headers: framed(headers, sent), agent: false });
    outgoing.on('error', () => res.destroy());
    outgoing.end(sent);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const answer = Buffer.concat(await incoming.toArray());
    const status = incoming.statusCode ?? 0;
    seen.push({ method, url, sent, status, headers: incoming.headers, answer });
    res.writeHead(status, framed(incoming.headers, answer)).end(answer);
  } catch {
    res.destroy(); // The client's call fails, and with it the test.
  }
}

const FRAMING: readonly string[] = ['transfer-encoding', 'content-length', 'connection', 'expect', 'keep-alive'];

/** With the length of what is sent, and nothing else that frames it. */
function framed(headers: Passing['headers'], body: Buffer): OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(([name]) => !FRAMING.includes(name));
  return {
    ...Object.fromEntries(kept),
    ...(body.length === 0 ? {} : { 'content-length': body.length }),
  } as OutgoingHttpHeaders;
}
