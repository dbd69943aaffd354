/**
 * The command `orders`, for what concerns the order service alone. Exit codes: 0 done, 1 it could not be done, 2 used wrongly,
 * unreachable, or not supported.
 */
import { parseArgs } from 'node:util';
import { openLog } from './backbone.ts';
import { readStoreConfig } from './config.ts';
import { withSession } from './database.ts';
import { codes, OrdersError, wordsOf } from './errors.ts';
import { ensureCopies } from './copies.ts';
import { rebuild } from './rebuild.ts';
import { statusLines, statusOf } from './status.ts';

const USAGE = `orders rebuild [--afresh] [--from-oldest]   build the read model anew beside the live one, and swap it in
orders status [--json]                       the copies of the read model, and how far they have come

Both read DATABASE_URL_ORDERS and DATABASE_URL_BACKBONE.
  --afresh       drop what an earlier rebuild left, instead of going on with it
  --from-oldest  begin with the oldest record that the backbone still holds: only after a new snapshot of all tables
`;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      afresh: { type: 'boolean', default: false },
      'from-oldest': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (rest.length > 0 || (command !== 'rebuild' && command !== 'status')) {
    process.stderr.write(USAGE);
    return 2;
  }
  const config = readStoreConfig();
  const backbone = await openLog(config.backboneUrl, 'orders-command', () => undefined);
  try {
    const { databaseUrl } = config;
    if (command === 'status') await showStatus(databaseUrl, backbone, values.json);
    else await rebuild({ databaseUrl, backbone, afresh: values.afresh, fromOldest: values['from-oldest'], say: print });
    return 0;
  } finally {
    await backbone.close();
  }
}

async function showStatus(url: string, backbone: Awaited<ReturnType<typeof openLog>>, json: boolean): Promise<void> {
  await ensureCopies(url);
  const statuses = await withSession(url, { applicationName: 'orders-command', durable: true }, ({ client }) =>
    statusOf(client, backbone),
  );
  if (json) print(JSON.stringify(statuses));
  else for (const line of statusLines(statuses)) print(line);
}

function exitOf(error: unknown): number {
  return error instanceof OrdersError ? codes[error.code].exit : 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${wordsOf(error)}\n`);
  process.exitCode = exitOf(error);
}
