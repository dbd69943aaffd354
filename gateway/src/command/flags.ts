/**
 * Reads a subcommand's arguments: `node:util`'s parser, with sentences for what it refuses.
 */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { Terminal } from './command.ts';
import { fail } from './failure.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

export interface Flags {
  readonly words: readonly string[];
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  on(name: string): boolean;
}

/**
 * @param count how many words besides flags the command takes, at least and at most
 * @returns null when it was used wrongly; `terminal` has then been told how, and the usage
 */
export function readFlags(
  args: readonly string[],
  how: { readonly options: Options; readonly count: readonly [least: number, most: number]; readonly usage: string },
  terminal: Terminal,
): Flags | null {
  const wrong = (because: string): null => {
    fail(terminal, args.includes('--json'), { code: 'USAGE', message: because, more: { usage: how.usage } });
    terminal.err(`usage: ${how.usage}`);
    return null;
  };
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: how.options,
      allowPositionals: true,
      strict: true,
    });
    const [least, most] = how.count;
    if (positionals.length < least) return wrong('an argument is missing');
    if (positionals.length > most) return wrong(`"${positionals[most]}" is one argument too many`);
    return {
      words: positionals,
      text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
      list: (name) => (Array.isArray(values[name]) ? values[name].filter((value) => typeof value === 'string') : []),
      on: (name) => values[name] === true,
    };
  } catch (error) {
    return wrong(error instanceof Error ? error.message.split('\n', 1).join('') : String(error));
  }
}

/** Where the routing file is: `--routing`, else `ROUTING_FILE`, else `routing.yaml`. */
export function routingFile(flags: Flags, terminal: Terminal): string {
  return flags.text('routing') ?? terminal.env['ROUTING_FILE'] ?? 'routing.yaml';
}

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/;

/** Reads `HOST:PORT` (IPv6 in brackets); null when it is none. */
export function parseAddress(text: string): { host: string; port: number } | null {
  const [, v6, name, digits] = ADDRESS.exec(text) ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  return host === undefined || !(port <= 65_535) ? null : { host, port };
}
