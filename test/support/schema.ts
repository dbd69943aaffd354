/** Messages held against schemas by another stack's validator (`test/clients/validate.py`): our own might share our mistakes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './example.ts';
import { lacksPython, python } from './stacks.ts';

/** Why messages cannot be judged on this machine; null when they can. */
export const lacksJudge = (): string | null => lacksPython(['xmlschema', 'lxml']);

// A few hundred messages take about a second; a validator that hangs must not hang the suite.
const LIMIT_MS = 60_000;

/**
 * What is wrong with each message, in words, by its envelope's schema and by `schema`, an XSD file of what stands in bodies and details.
 * @throws Error with the validator's last words when it cannot judge
 */
export function judge(schema: string, messages: readonly Buffer[]): readonly (readonly string[])[] {
  const asked = messages.map((message) => JSON.stringify({ schema, message: message.toString('base64') }));
  const { status, stdout, stderr } = spawnSync(python, [join(root, 'test/clients/validate.py')], {
    input: `${asked.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: LIMIT_MS,
  });
  if (status !== 0) throw new Error(`the validator ended with ${status}: ${stderr}`);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as string[]);
}
