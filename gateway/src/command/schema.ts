/** `banyan schema`: prints the JSON Schema of `routing.yaml`, for editors; `gateway/routing.schema.json` is this output. */
import { jsonSchema } from '../routing/schema.ts';
import type { Command } from './command.ts';

export const schema: Command = (_args, terminal) => {
  terminal.out(JSON.stringify(jsonSchema(), null, 2));
  return Promise.resolve(0);
};
