/** `banyan start`: the facade alone, in front of anything. */
import { parseDuration } from '../core/unit.ts';
import { start as startFacade, type Running, type StartOptions } from '../start.ts';
import { isSecret } from '../redact.ts';
import type { Command, Terminal } from './command.ts';
import { fail, refuse } from './failure.ts';
import { parseAddress, readFlags, routingFile, type Flags } from './flags.ts';

const USAGE =
  'banyan start [--routing FILE] [--listen HOST:PORT] [--admin HOST:PORT] [--workers N] [--drain-delay DURATION] [--log-header NAME]… [--json]';
// Contract: the access log samples 1 % and every 5xx.
const ACCESS_LOG_SHARE = 0.01;
// More than the cores of most machines, and a slip of the finger is no thousand processes.
const MOST_WORKERS = 256;
// Load balancers look every few seconds; service managers lose their patience after a minute and a half.
const LONGEST_DELAY_MS = 60_000;

export const start: Command = async (args, terminal) => {
  const options = {
    routing: { type: 'string' },
    listen: { type: 'string' },
    admin: { type: 'string' },
    workers: { type: 'string' },
    'drain-delay': { type: 'string' },
    'log-header': { type: 'string', multiple: true },
    json: { type: 'boolean' },
  } as const;
  const flags = readFlags(args, { options, count: [0, 0], usage: USAGE }, terminal);
  if (flags === null) return 2;
  const json = flags.on('json');
  const asked = settings(flags, terminal);
  if (typeof asked === 'string') return fail(terminal, json, { code: 'USAGE', message: asked, more: { usage: USAGE } });
  const { file } = asked;
  const started = await startFacade(asked);
  if (started.kind === 'rejected') return refuse(terminal, json, { file, problems: started.problems });
  for (const { line, column, message } of started.warnings)
    terminal.err(`${file}:${line}:${column}: warning: ${message}`);
  const { url, adminUrl } = started.running;
  // Before it is said that it runs: whoever reads that may send a signal at once.
  const end = ended(started.running);
  if (!json) terminal.err(`admin ${adminUrl}`);
  terminal.out(json ? JSON.stringify({ ready: url, admin: adminUrl }) : `ready ${url}`);
  await end;
  return 0;
};

/** What was asked for, or what is wrong with it. */
function settings(flags: Flags, terminal: Terminal): StartOptions | string {
  const listen = parseAddress(flags.text('listen') ?? '127.0.0.1:8080');
  const admin = parseAddress(flags.text('admin') ?? '127.0.0.1:9090');
  if (listen === null || admin === null) {
    const wrong = listen === null ? `--listen ${flags.text('listen')}` : `--admin ${flags.text('admin')}`;
    return `${wrong}: expected HOST:PORT, such as 127.0.0.1:8080`;
  }
  const number = flags.text('workers') ?? terminal.env['BANYAN_WORKERS']?.trim() ?? '1';
  const workers = /^\d{1,3}$/.test(number) ? Number(number) : 0;
  if (workers < 1 || workers > MOST_WORKERS) {
    const name = flags.text('workers') === undefined ? 'BANYAN_WORKERS' : '--workers';
    return `${name} ${number}: expected a number of processes, 1 to ${MOST_WORKERS}`;
  }
  const delay = flags.text('drain-delay') ?? '0s';
  const drainDelayMs = parseDuration(delay);
  if (drainDelayMs === null || drainDelayMs > LONGEST_DELAY_MS)
    return `--drain-delay ${delay}: expected a duration such as 5s, ${LONGEST_DELAY_MS / 1_000}s at most`;
  const logHeaders = flags.list('log-header').map((name) => name.toLowerCase());
  const secret = logHeaders.find(isSecret);
  if (secret !== undefined) return `--log-header ${secret}: what it holds is a secret, and is never logged`;
  const token = terminal.env['BANYAN_ADMIN_TOKEN'] ?? '';
  return {
    file: routingFile(flags, terminal),
    listen,
    admin,
    env: terminal.env,
    token: token === '' ? null : token,
    sample: ACCESS_LOG_SHARE,
    logHeaders,
    workers,
    drainDelayMs,
  };
}

const STOPS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Resolves when a signal to stop has come and the facade has drained; a second one ends the process at once. SIGHUP reads the
 * routing file again, SIGUSR2 replaces the workers.
 */
function ended(running: Running): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (!stopping) {
        stopping = true;
        return void running.close().then(resolve);
      }
      // Whoever insists gets what the signal does by itself. Workers end with this process.
      for (const name of STOPS) process.removeListener(name, stop);
      process.kill(process.pid, signal);
    };
    for (const name of STOPS) process.on(name, stop);
    process.on('SIGHUP', () => running.reload());
    process.on('SIGUSR2', () => running.renew());
  });
}
