/** `banyan schema`: prints the JSON Schema of `routing.yaml`, for editors; `gateway/routing.schema.json` is this output. */
import { jsonSchema } from '../routing/schema.ts';
import type { Command } from './command.ts';
import { readFlags } from './flags.ts';

export const schema: Command = (args, terminal) => {
  const flags = readFlags(
    args,
    { options: { json: { type: 'boolean' } }, count: [0, 0], usage: 'banyan schema [--json]' },
    terminal,
  );
  if (flags === null) return Promise.resolve(2);
  terminal.out(JSON.stringify(jsonSchema(), null, 2));
  return Promise.resolve(0);
};
