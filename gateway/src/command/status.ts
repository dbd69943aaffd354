/** `banyan status`: asks a running facade's admin port how it is. */
import { request } from 'undici';
import { GatewayError } from '../error.ts';
import type { Command, Terminal } from './command.ts';
import { readFlags } from './flags.ts';
import { columns } from './table.ts';

const USAGE = 'banyan status [--admin HOST:PORT] [--json]';
const TIMEOUT_MS = 5_000;

interface Status {
  readonly generation: number;
  readonly hash: string;
  readonly since: string;
  readonly rejected: number;
  readonly lastRejection: {
    readonly at: string;
    readonly problems: readonly { line: number; column: number; message: string }[];
  } | null;
  readonly warnings: readonly { line: number; column: number; message: string }[];
  readonly upstreams: readonly { name: string; urls: readonly string[]; breaker: string; outstanding: number }[];
  readonly stages: Readonly<Record<string, number>>;
}

export const status: Command = async (args, terminal) => {
  const flags = readFlags(
    args,
    { options: { admin: { type: 'string' }, json: { type: 'boolean' } }, count: [0, 0], usage: USAGE },
    terminal,
  );
  if (flags === null) return 2;
  const admin = flags.text('admin') ?? `127.0.0.1:${terminal.env['ADMIN_PORT'] ?? '9090'}`;
  const answer = await ask(`http://${admin}/api/status`, terminal);
  if (flags.on('json')) terminal.out(JSON.stringify(answer));
  else for (const line of lines(answer)) terminal.out(line);
  return 0;
};

async function ask(url: string, terminal: Terminal): Promise<Status> {
  const token = terminal.env['BANYAN_ADMIN_TOKEN'] ?? '';
  try {
    const answer = await request(url, {
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    const body: unknown = await answer.body.json();
    if (answer.statusCode !== 200)
      throw new GatewayError('GW_ADMIN_UNREACHABLE', `${url} answered ${answer.statusCode}: ${JSON.stringify(body)}`);
    return body as Status;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new GatewayError(
      'GW_ADMIN_UNREACHABLE',
      `no facade answers at ${url} (${code}): is it running? Name its admin port with --admin HOST:PORT`,
      { cause: error },
    );
  }
}

function lines(status: Status): string[] {
  const { generation, hash, since, rejected, lastRejection, warnings, upstreams, stages } = status;
  const counts = Object.entries(stages).map(([stage, count]) => `${stage} ${count}`);
  return [
    `generation ${generation} (${hash}) since ${since}; files rejected: ${rejected}`,
    `routes     ${counts.length === 0 ? 'none' : counts.join(', ')}`,
    ...(lastRejection === null
      ? []
      : [`REJECTED   at ${lastRejection.at}, the last good file serves on:`, ...lastRejection.problems.map(at)]),
    ...warnings.map((warning) => `warning    ${at(warning).trim()}`),
    '',
    ...columns([
      ['UPSTREAM', 'BREAKER', 'OUTSTANDING', 'URL'],
      ...upstreams.map((row) => [row.name, row.breaker, String(row.outstanding), row.urls.join(' ')]),
    ]),
  ];
}

const at = ({ line, column, message }: { line: number; column: number; message: string }): string =>
  `           ${line}:${column} ${message}`;
