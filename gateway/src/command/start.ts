/** `banyan start`: the facade alone, in front of anything. */
import { start as startFacade, type Running } from '../start.ts';
import type { Command } from './command.ts';
import { fail, refuse } from './failure.ts';
import { parseAddress, readFlags, routingFile } from './flags.ts';

const USAGE = 'banyan start [--routing FILE] [--listen HOST:PORT] [--admin HOST:PORT] [--workers N] [--json]';
// Contract: the access log samples 1 % and every 5xx.
const ACCESS_LOG_SHARE = 0.01;

export const start: Command = async (args, terminal) => {
  const options = {
    routing: { type: 'string' },
    listen: { type: 'string' },
    admin: { type: 'string' },
    workers: { type: 'string' },
    json: { type: 'boolean' },
  } as const;
  const flags = readFlags(args, { options, count: [0, 0], usage: USAGE }, terminal);
  if (flags === null) return 2;
  const json = flags.on('json');
  const listen = parseAddress(flags.text('listen') ?? '127.0.0.1:8080');
  const admin = parseAddress(flags.text('admin') ?? '127.0.0.1:9090');
  const workers = flags.text('workers') ?? terminal.env['BANYAN_WORKERS'] ?? '1';
  if (listen === null || admin === null) {
    const wrong = listen === null ? `--listen ${flags.text('listen')}` : `--admin ${flags.text('admin')}`;
    const message = `${wrong}: expected HOST:PORT, such as 127.0.0.1:8080`;
    return fail(terminal, json, { code: 'USAGE', message, more: { usage: USAGE } });
  }
  if (workers !== '1') {
    const message = `--workers ${workers}: more than one worker is not supported yet`;
    return fail(terminal, json, { code: 'USAGE', message, more: { usage: USAGE } });
  }
  const file = routingFile(flags, terminal);
  const token = terminal.env['BANYAN_ADMIN_TOKEN'] ?? '';
  const started = await startFacade({
    file,
    listen,
    admin,
    env: terminal.env,
    token: token === '' ? null : token,
    sample: ACCESS_LOG_SHARE,
  });
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

/** Resolves when a signal to stop has come and the facade has drained. SIGHUP reads the routing file again. */
function ended(running: Running): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => void running.close().then(resolve);
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    process.on('SIGHUP', () => running.reload());
  });
}
