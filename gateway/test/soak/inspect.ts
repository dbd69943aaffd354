/**
 * What a facade that runs as a process holds, asked from outside over node's inspector: the product has no hook for it. The
 * process must have been started with `--inspect=127.0.0.1:0`.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface Holdings {
  /** Bytes, after two collections. */
  readonly rss: number;
  readonly heapUsed: number;
  /** Bytes outside of the heap that buffers hold. */
  readonly external: number;
  /** What keeps the event loop alive, counted by node's names: `TCPSocketWrap`, `Timeout`, … */
  readonly resources: Readonly<Record<string, number>>;
  /** How many objects of each class are alive, whether or not anything waits for them. */
  readonly alive: Readonly<Record<Class, number>>;
}

const CLASSES = {
  Socket: "process.getBuiltinModule('net').Socket.prototype",
  IncomingMessage: "process.getBuiltinModule('http').IncomingMessage.prototype",
  ServerResponse: "process.getBuiltinModule('http').ServerResponse.prototype",
  // Also those that do not keep the process alive, which `getActiveResourcesInfo` leaves out.
  Timeout: '(() => { const one = setTimeout(() => {}, 0); clearTimeout(one); return Object.getPrototypeOf(one); })()',
} as const;

export type Class = keyof typeof CLASSES;

interface Reply {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: {
    readonly result?: { readonly value?: unknown; readonly objectId?: string };
    readonly objects?: { readonly objectId: string };
    readonly exceptionDetails?: unknown;
  };
}

/** @param url as node prints it: `ws://127.0.0.1:…` */
export async function inspect(url: string): Promise<Holdings> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  let last = 0;
  const ask = (method: string, params: object = {}): Promise<NonNullable<Reply['result']>> => {
    const id = (last += 1);
    return new Promise((resolve, reject) => {
      const onMessage = (data: Buffer): void => {
        const reply = JSON.parse(data.toString()) as Reply;
        if (reply.id !== id) return;
        socket.off('message', onMessage);
        if (reply.result === undefined || reply.result.exceptionDetails !== undefined)
          reject(new Error(`${method}: ${JSON.stringify(reply)}`));
        else resolve(reply.result);
      };
      socket.on('message', onMessage);
      socket.send(JSON.stringify({ id, method, params }));
    });
  };
  const evaluate = async (expression: string): Promise<unknown> =>
    (await ask('Runtime.evaluate', { expression, returnByValue: true })).result?.value;
  const countOf = async (prototype: string): Promise<number> => {
    const group = { objectGroup: 'soak' };
    const { result } = await ask('Runtime.evaluate', { expression: prototype, ...group });
    const { objects } = await ask('Runtime.queryObjects', { prototypeObjectId: result?.objectId, ...group });
    const { result: length } = await ask('Runtime.callFunctionOn', {
      objectId: objects?.objectId,
      functionDeclaration: 'function () { return this.length; }',
      returnByValue: true,
    });
    await ask('Runtime.releaseObjectGroup', group);
    return Number(length?.value);
  };
  try {
    const alive: Record<string, number> = {};
    for (const [name, prototype] of Object.entries(CLASSES)) alive[name] = await countOf(prototype);
    // Twice: what the first collection finalises, the second frees.
    for (let times = 0; times < 2; times += 1) await ask('HeapProfiler.collectGarbage');
    const text = await evaluate(
      'JSON.stringify({ memory: process.memoryUsage(), resources: process.getActiveResourcesInfo() })',
    );
    const { memory, resources } = JSON.parse(String(text)) as {
      memory: { rss: number; heapUsed: number; external: number };
      resources: readonly string[];
    };
    const counted: Record<string, number> = {};
    for (const name of resources) counted[name] = (counted[name] ?? 0) + 1;
    const { rss, heapUsed, external } = memory;
    return { rss, heapUsed, external, resources: counted, alive: alive as Record<Class, number> };
  } finally {
    socket.close();
    await once(socket, 'close');
  }
}
