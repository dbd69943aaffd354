/** `banyan status`: asks a running facade's admin port how it is. */
import { request } from 'undici';
import { z } from 'zod';
import { GatewayError } from '../error.ts';
import type { Command, Terminal } from './command.ts';
import { fail } from './failure.ts';
import { parseAddress, readFlags } from './flags.ts';
import { columns } from './table.ts';

const USAGE = 'banyan status [--admin HOST:PORT] [--json]';
const TIMEOUT_MS = 5_000;

const problem = z.object({ line: z.number(), column: z.number(), message: z.string() });

const shadows = z
  .looseObject({
    dryRuns: z.array(z.looseObject({ route: z.string(), state: z.string(), because: z.string().nullable() })),
  })
  .nullish();

/** What is read of an answer; a later facade may say more. */
const answered = z.looseObject({
  generation: z.number(),
  hash: z.string(),
  since: z.string(),
  rejected: z.number(),
  lastRejection: z.looseObject({ at: z.string(), problems: z.array(problem) }).nullable(),
  warnings: z.array(problem),
  upstreams: z.array(
    z.looseObject({
      name: z.string(),
      urls: z.array(z.string()),
      breaker: z.string(),
      outstanding: z.number(),
      members: z.array(z.looseObject({ url: z.string(), state: z.string() })),
    }),
  ),
  stages: z.record(z.string(), z.number()),
  shadows,
  workers: z
    .array(
      z.looseObject({
        worker: z.string(),
        pid: z.number().nullable(),
        phase: z.string(),
        generation: z.number().nullable(),
        connections: z.number(),
        shadows,
      }),
    )
    .nullish(),
});

type Status = z.infer<typeof answered>;

export const status: Command = async (args, terminal) => {
  const flags = readFlags(
    args,
    { options: { admin: { type: 'string' }, json: { type: 'boolean' } }, count: [0, 0], usage: USAGE },
    terminal,
  );
  if (flags === null) return 2;
  const admin = flags.text('admin') ?? `127.0.0.1:${terminal.env['ADMIN_PORT'] ?? '9090'}`;
  if (parseAddress(admin) === null)
    return fail(terminal, flags.on('json'), {
      code: 'USAGE',
      message: `--admin ${admin}: expected HOST:PORT, such as 127.0.0.1:9090`,
      more: { usage: USAGE },
    });
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
    const body = jsonOf(await answer.body.text());
    if (answer.statusCode !== 200)
      throw new GatewayError('GW_ADMIN_UNREACHABLE', `${url} answered ${answer.statusCode}: ${JSON.stringify(body)}`);
    const read = answered.safeParse(body);
    if (!read.success)
      throw new GatewayError(
        'GW_ADMIN_UNREACHABLE',
        `${url} answered, and not as a facade does: is that its admin port?`,
      );
    return read.data;
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

/** Null when it is none. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function lines(status: Status): string[] {
  const { generation, hash, since, rejected, lastRejection, warnings, upstreams, stages, workers } = status;
  const counts = Object.entries(stages).map(([stage, count]) => `${stage} ${count}`);
  return [
    `generation ${generation} (${hash}) since ${since}; files rejected: ${rejected}`,
    `routes     ${counts.length === 0 ? 'none' : counts.join(', ')}`,
    ...(lastRejection === null
      ? []
      : [`REJECTED   at ${lastRejection.at}, the last good file serves on:`, ...lastRejection.problems.map(at)]),
    ...warnings.map((warning) => `warning    ${at(warning).trim()}`),
    ...dryRuns(status),
    ...(workers === undefined || workers === null
      ? []
      : [
          '',
          ...columns([
            ['WORKER', 'PID', 'PHASE', 'GENERATION', 'CONNECTIONS'],
            ...workers.map((row) => [
              row.worker,
              String(row.pid ?? '-'),
              row.phase,
              String(row.generation ?? 'no answer'),
              String(row.connections),
            ]),
          ]),
        ]),
    '',
    ...columns([
      ['UPSTREAM', 'BREAKER', 'OUTSTANDING', 'URL'],
      ...upstreams.map((row) => [row.name, row.breaker, String(row.outstanding), row.members.map(where).join(' ')]),
    ]),
  ];
}

/** Each worker has found out for itself: what several have found alike is said once. */
function dryRuns({ shadows, workers }: Status): readonly string[] {
  const found = [shadows, ...(workers ?? []).map((worker) => worker.shadows)].flatMap((one) => one?.dryRuns ?? []);
  const told = found.map(
    ({ route, state, because }) => `dry runs   ${route}: ${state}${because === null ? '' : `, for ${because}`}`,
  );
  return [...new Set(told)];
}

/** A URL, and why it is given no requests. */
const where = ({ url, state }: { url: string; state: string }): string => (state === 'up' ? url : `${url} (${state})`);

const at = ({ line, column, message }: { line: number; column: number; message: string }): string =>
  `           ${line}:${column} ${message}`;
