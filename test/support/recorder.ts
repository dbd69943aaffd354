/** Stands between a client and the facade, passes everything on, and keeps what it saw: the bytes that no client shows. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly sent: Buffer;
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly answer: Buffer;
}

export interface Recorder {
  /** Without a slash at its end. */
  readonly url: string;
  /** In the order of their ends. */
  readonly seen: Recorded[];
  close(): Promise<void>;
}

/** @param target base URL, asked for when a request comes: it may not be known before */
export async function record(target: () => string): Promise<Recorder> {
  const seen: Recorded[] = [];
  const server = createServer((req, res) => void pass(req, res, { target: target(), seen }));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}`, seen, close };
}

async function pass(
  req: IncomingMessage,
  res: ServerResponse,
  { target, seen }: { readonly target: string; readonly seen: Recorded[] },
): Promise<void> {
  try {
    const { method = 'GET', url = '/' } = req;
    const sent = Buffer.concat(await req.toArray());
    const headers = { ...req.headers, 'content-length': String(sent.length) };
    const outgoing = request(new URL(url, target), { method, headers: framed(headers, sent), agent: false });
    outgoing.end(sent);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const answer = Buffer.concat(await incoming.toArray());
    const status = incoming.statusCode ?? 0;
    seen.push({ method, url, sent, status, headers: incoming.headers, answer });
    res.writeHead(status, framed({ ...incoming.headers, 'content-length': String(answer.length) }, answer));
    res.end(answer);
  } catch {
    res.destroy(); // The client's call fails, and with it the test.
  }
}

/** With the length of what is sent, and nothing else that frames it. */
function framed(headers: IncomingMessage['headers'], body: Buffer): Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(
    ([name]) => !['transfer-encoding', 'connection', 'expect', 'keep-alive'].includes(name),
  );
  const bare = body.length === 0 ? kept.filter(([name]) => name !== 'content-length') : kept;
  return Object.fromEntries(bare.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
