/** `banyan flip ROUTE STAGE`: moves one route by editing the file. Needs no running facade; one that runs follows. */
import { flip as edit } from '../routing/edit.ts';
import type { Command } from './command.ts';
import { readFlags, routingFile } from './flags.ts';

const USAGE = 'banyan flip ROUTE STAGE [--routing FILE] [--json]     STAGE: legacy, new, retired, held, gone';

export const flip: Command = async (args, terminal) => {
  const flags = readFlags(
    args,
    { options: { routing: { type: 'string' }, json: { type: 'boolean' } }, count: [2, 4], usage: USAGE },
    terminal,
  );
  if (flags === null) return 2;
  const [route = '', ...stage] = flags.words;
  const path = routingFile(flags, terminal);
  const result = await edit({ path, route, stage: stage.join(' '), env: terminal.env });
  if (flags.on('json')) terminal.out(JSON.stringify({ route, ...result }));
  switch (result.kind) {
    case 'written':
      if (!flags.on('json')) terminal.out(`${route}: ${result.from} -> ${result.to} in ${path}`);
      for (const warning of result.warnings) terminal.err(`warning: ${warning}`);
      return 0;
    case 'same':
      if (!flags.on('json')) terminal.out(`${route} is at ${result.stage} already`);
      return 0;
    case 'read-only':
      terminal.err(`${result.because}: apply this patch where it can\n${result.patch}`);
      return 2;
    case 'refused':
    case 'changed':
      terminal.err(result.because);
      return 2;
    default:
      return result satisfies never;
  }
};
