/** `banyan start`: the facade alone, in front of anything. */
import { GatewayError } from '../error.ts';
import { start as startFacade, type Running } from '../start.ts';
import { complain } from './check.ts';
import type { Command, Terminal } from './command.ts';
import { parseAddress, readFlags, routingFile } from './flags.ts';

const USAGE = 'banyan start [--routing FILE] [--listen HOST:PORT] [--admin HOST:PORT] [--workers N]';
// Contract: the access log samples 1 % and every 5xx.
const ACCESS_LOG_SHARE = 0.01;

export const start: Command = async (args, terminal) => {
  const options = {
    routing: { type: 'string' },
    listen: { type: 'string' },
    admin: { type: 'string' },
    workers: { type: 'string' },
  } as const;
  const flags = readFlags(args, { options, count: [0, 0], usage: USAGE }, terminal);
  if (flags === null) return 2;
  const listen = addressOf(flags.text('listen') ?? '127.0.0.1:8080', '--listen', terminal);
  const admin = addressOf(flags.text('admin') ?? '127.0.0.1:9090', '--admin', terminal);
  const workers = flags.text('workers') ?? terminal.env['BANYAN_WORKERS'] ?? '1';
  if (listen === null || admin === null) return 2;
  if (workers !== '1') {
    terminal.err(`--workers ${workers}: more than one worker is not supported yet`);
    return 2;
  }
  const file = routingFile(flags, terminal);
  const token = terminal.env['BANYAN_ADMIN_TOKEN'] ?? '';
  try {
    const started = await startFacade({
      file,
      listen,
      admin,
      env: terminal.env,
      token: token === '' ? null : token,
      sample: ACCESS_LOG_SHARE,
    });
    if (started.kind === 'rejected') {
      complain(file, started.problems, terminal);
      return 2;
    }
    for (const { line, column, message } of started.warnings)
      terminal.err(`${file}:${line}:${column}: warning: ${message}`);
    terminal.err(`admin ${started.running.adminUrl}`);
    terminal.out(`ready ${started.running.url}`);
    await ended(started.running);
    return 0;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    terminal.err(error.message);
    return 2;
  }
};

function addressOf(text: string, flag: string, terminal: Terminal): { host: string; port: number } | null {
  const address = parseAddress(text);
  if (address === null) terminal.err(`${flag} ${text}: expected HOST:PORT, such as 127.0.0.1:8080`);
  return address;
}

/** Resolves when a signal to stop has come and the facade has drained. SIGHUP reads the routing file again. */
function ended(running: Running): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => void running.close().then(resolve);
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    process.on('SIGHUP', () => running.reload());
  });
}
