/**
 * The program of a worker process: serves the connections that the primary hands it by the file that the primary reads to it.
 *
 * It listens to the primary alone. A signal meant for the facade reaches every process of its group (Ctrl-C, a service manager):
 * what is to be done is for the primary to say. A primary that dies takes its workers along.
 */
import { GatewayError } from './error.ts';
import { socketOf } from './hand.ts';
import { isMessage, type Orders, type ToPrimary, type ToWorker } from './ipc.ts';
import { openLog } from './log.ts';
import { routingOf } from './routing.ts';
import { Serving } from './serving.ts';

// How often the primary hears of connections that have closed: often enough to share new ones out evenly.
const CLOSED_MS = 250;

class Worker {
  readonly #orders: Orders;
  readonly #serving: Serving;
  #closed = 0;
  #told = 0;

  /** @throws GatewayError: what the primary said cannot be served by */
  static async open(orders: Orders): Promise<Worker> {
    const log = openLog(orders.worker);
    const loaded = accepted(orders.file, orders.text);
    const { number, sample, logHeaders, idleMs, publicUrl, worker } = orders;
    const serving = await Serving.open({
      loaded,
      number,
      log,
      sample,
      logHeaders,
      idleMs,
      publicUrl: () => publicUrl,
      worker,
    });
    await serving.facade.ready();
    // Node looks for heads that do not come in time from the moment its server listens, which this one never does.
    serving.facade.server.emit('listening');
    return new Worker(orders, serving);
  }

  private constructor(orders: Orders, serving: Serving) {
    this.#orders = orders;
    this.#serving = serving;
    setInterval(() => {
      if (this.#told === this.#closed) return;
      this.#told = this.#closed;
      say({ kind: 'closed', count: this.#closed });
    }, CLOSED_MS).unref();
  }

  /** Touches the connection only once the primary can know that it has gone over. */
  take(id: number, handle: unknown): void {
    const socket = socketOf(handle);
    socket.once('close', () => (this.#closed += 1));
    socket.on('error', () => undefined);
    this.#serving.expect(socket);
    say({ kind: 'took', id }, () => {
      this.#serving.facade.server.emit('connection', socket);
      socket.resume();
    });
  }

  async adopt({ id, text, number }: Extract<ToWorker, { kind: 'adopt' }>): Promise<void> {
    try {
      await this.#serving.generations.adopt(accepted(this.#orders.file, text), Date.now(), number);
      say({ kind: 'adopted', id, problem: null });
    } catch (error) {
      say({ kind: 'adopted', id, problem: error instanceof Error ? error.message : String(error) });
    }
  }

  async report(id: number): Promise<void> {
    const { metrics, generations } = this.#serving;
    const families = await metrics.families(generations.fleet);
    const vitals = this.#serving.vitals();
    say({ kind: 'report', id, report: { families, vitals, generation: generations.current.number } });
  }

  hush(): void {
    this.#serving.hush();
  }

  async drain(limits: { patienceMs: number; deadlineMs: number }): Promise<void> {
    const { metrics, generations } = this.#serving;
    await this.#serving.drain(limits);
    // Node ends a worker that is cut off from its primary: after the last word.
    say({ kind: 'bye', families: await metrics.families(generations.fleet) }, () => process.disconnect());
  }
}

/** @throws GatewayError GW_BAD_CONFIG: the primary has accepted what this process does not: they are not of one build */
function accepted(file: string, text: string): Extract<ReturnType<typeof routingOf>, { kind: 'accepted' }> {
  const loaded = routingOf(file, Buffer.from(text), process.env);
  if (loaded.kind === 'accepted') return loaded;
  const [first] = loaded.problems;
  throw new GatewayError(
    'GW_BAD_CONFIG',
    `a worker does not accept ${file}, which its primary did: ${first?.message ?? ''}. Start the facade again`,
  );
}

function say(message: ToPrimary, then?: () => void): void {
  // A primary that is gone hears nothing, and this process is ended for it.
  process.send?.(message, undefined, undefined, () => then?.());
}

let worker: Worker | null = null;
/** What comes while the worker is opened waits for it, in order. */
let turn: Promise<void> = Promise.resolve();

async function begin(orders: Orders): Promise<void> {
  try {
    worker = await Worker.open(orders);
    say({ kind: 'up' });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say({ kind: 'failed', message }, () => process.disconnect());
  }
}

function heed(message: ToWorker, handle: unknown): Promise<void> | void {
  switch (message.kind) {
    case 'begin':
      return begin(message.orders);
    case 'connection':
      // The primary hands over what node has made of the descriptor; nothing when it could not be passed on.
      return handle === undefined ? undefined : worker?.take(message.id, handle);
    case 'adopt':
      return worker?.adopt(message);
    case 'report':
      return worker?.report(message.id);
    case 'hush':
      return worker?.hush();
    case 'drain':
      if (worker === null) return process.disconnect();
      return worker.drain(message);
    default:
      return message satisfies never;
  }
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => undefined);
process.on('message', (message: unknown, handle: unknown) => {
  if (!isMessage(message)) return;
  const told = message as ToWorker;
  // A file takes its time, and a drain seconds: connections and questions do not wait for either.
  if (told.kind === 'begin' || told.kind === 'adopt') turn = turn.then(() => heed(told, handle));
  else if (worker === null) turn = turn.then(() => heed(told, handle));
  else void heed(told, handle);
});
say({ kind: 'here' });
