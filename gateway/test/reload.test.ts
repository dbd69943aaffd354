import { rename, rm, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ask, front, saying, until, upstream, type Front } from './front.ts';

// What a facade that serves makes of its file: a bad one changes nothing and is told of for as long as it stands there.

interface Status {
  readonly generation: number;
  readonly lastRejection: { readonly problems: readonly { readonly message: string }[] } | null;
}

async function status(gate: Front): Promise<Status> {
  return JSON.parse((await ask(`${gate.adminUrl}/api/status`)).body.toString()) as Status;
}

const rejected = async (gate: Front): Promise<number> => (await gate.metric('banyan_config_rejected_total')) ?? NaN;

async function serving(): Promise<{ gate: Front; good: string }> {
  const legacy = await upstream(saying('legacy'));
  const orders = await upstream(saying('orders'));
  const good = `version: 1\nupstreams: { legacy: "${legacy.url}", orders: "${orders.url}" }\ndefault: legacy\nroutes:\n  one: { match: GET /a, stage: new, new: orders }\n`;
  return { gate: await front(good), good };
}

const servedBy = async (gate: Front): Promise<string> => (await ask(`${gate.url}/a`)).body.toString();

test.each([
  ['does not fit the schema', (good: string) => good.replace('stage: new', 'stage: nwe')],
  ['is no YAML', (good: string) => good.replace('{ match', '{{ match')],
  ['names a WSDL that is not there', (good: string) => `${good}wsdls:\n  /soap/X: { file: nowhere.wsdl }\n`],
  [
    'names an operation that its WSDL does not have',
    (good: string) => `${good}  two: { match: SOAP /soap/X Nothing, stage: legacy }\n`,
  ],
  ['is larger than a routing file may be', (good: string) => `${good}#${' '.repeat(5 * 1024 * 1024)}\n`],
])('a file that %s changes nothing, and is told of until the right one is back', async (_name, spoil) => {
  const { gate, good } = await serving();
  await writeFile(gate.file, spoil(good));
  await until(async () => (await rejected(gate)) === 1);
  expect(await servedBy(gate)).toBe('orders');
  const { generation, lastRejection } = await status(gate);
  expect(generation).toBe(1);
  expect(lastRejection?.problems.length).toBeGreaterThan(0);

  // The very file that is in force: nothing to adopt, and nothing is wrong any more.
  await writeFile(`${gate.file}.next`, good);
  await rename(`${gate.file}.next`, gate.file);
  await until(async () => (await status(gate)).lastRejection === null);
  expect(await status(gate)).toMatchObject({ generation: 1, lastRejection: null });
  expect(await servedBy(gate)).toBe('orders');
  expect(await rejected(gate)).toBe(1);
});

test('a file that is gone for a while changes nothing, and one that comes in its place is taken', async () => {
  const { gate, good } = await serving();
  await rm(gate.file);
  expect(await servedBy(gate)).toBe('orders');
  await writeFile(gate.file, good.replace('stage: new', 'stage: legacy'));
  await until(async () => (await servedBy(gate)) === 'legacy');
  expect(await status(gate)).toMatchObject({ generation: 2, lastRejection: null });
});
