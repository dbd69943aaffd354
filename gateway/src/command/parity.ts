/** `banyan parity run`: compares the answers of both sides to a corpus of requests. */
import { compile, match } from '../core/match.ts';
import { readCorpus } from '../parity/corpus.ts';
import { exitCodeOf, toJson, toLines } from '../parity/report.ts';
import { run } from '../parity/run.ts';
import { loadRouting } from '../routing.ts';
import type { Command, Terminal } from './command.ts';
import { fail, refuse } from './failure.ts';
import { readFlags, routingFile, type Flags } from './flags.ts';

const USAGE = 'banyan parity run --corpus PATH [--routing FILE] [--json] [--repeat N] [--concurrency N]';
const MAX_REPEAT = 10; // Each round asks the control once more for every request.
const MAX_CONCURRENCY = 64; // Both sides are asked at once; a monolith in use should notice a run as little as may be.
const LATER = new Set(['record', 'suggest', 'report', 'status']);

export const parity: Command = async (args, terminal) => {
  const [what = '', ...rest] = args;
  if (what === 'run') return runCommand(rest, terminal);
  terminal.err(
    LATER.has(what) ? `banyan parity ${what} is not supported yet` : `banyan parity has no command "${what}"`,
  );
  terminal.err(`usage: ${USAGE}`);
  return 2;
};

const runCommand: Command = async (args, terminal) => {
  const options = {
    corpus: { type: 'string' },
    routing: { type: 'string' },
    json: { type: 'boolean' },
    repeat: { type: 'string' },
    concurrency: { type: 'string' },
    writes: { type: 'boolean' },
  } as const;
  const flags = readFlags(args, { options, count: [0, 0], usage: USAGE }, terminal);
  if (flags === null) return 2;
  const corpusPath = flags.text('corpus');
  const repeat = countOf(flags, 'repeat', { usual: 2, most: MAX_REPEAT });
  const concurrency = countOf(flags, 'concurrency', { usual: 4, most: MAX_CONCURRENCY });
  const wrong = problemOf(flags, corpusPath, repeat, concurrency);
  if (wrong !== null || corpusPath === undefined || repeat === null || concurrency === null) {
    fail(terminal, flags.on('json'), { code: 'USAGE', message: wrong ?? '', more: { usage: USAGE } });
    terminal.err(`usage: ${USAGE}`);
    return 2;
  }
  const file = routingFile(flags, terminal);
  const loaded = await loadRouting(file, terminal.env);
  if (loaded.kind === 'rejected') return refuse(terminal, flags.on('json'), { file, problems: loaded.problems });
  const corpus = await readCorpus(corpusPath);
  const { table } = loaded;
  const matcher = compile(table.routes);
  const today = new Date().toISOString().slice(0, 10);
  const results = await run({
    table,
    match: (method, path) => match(matcher, method, path),
    corpus,
    today,
    repeat,
    concurrency,
  });
  if (flags.on('json')) terminal.out(toJson(results));
  else tell(results, terminal);
  return exitCodeOf(results);
};

function tell(results: Parameters<typeof toLines>[0], terminal: Terminal): void {
  for (const line of toLines(results)) terminal.out(line);
}

function problemOf(
  flags: Flags,
  corpus: string | undefined,
  repeat: number | null,
  concurrency: number | null,
): string | null {
  if (flags.on('writes')) return '--writes is not supported yet: only reads are sent';
  if (corpus === undefined) return '--corpus is missing: a folder or file of .http or .ndjson requests';
  if (repeat === null) return `--repeat takes a number from 1 to ${MAX_REPEAT}`;
  return concurrency === null ? `--concurrency takes a number from 1 to ${MAX_CONCURRENCY}` : null;
}

/** Null when what was given is no count in its bounds. */
function countOf(flags: Flags, name: string, { usual, most }: { usual: number; most: number }): number | null {
  const text = flags.text(name);
  if (text === undefined) return usual;
  const count = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= most ? count : null;
}
