import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { envelope } from './samples.ts';

// What `banyan check`, `start` and `explain` say of bridges.

const root = fileURLToPath(new URL('../../../', import.meta.url));
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-bridge-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function banyan(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      join(root, 'gateway/bin/banyan.js'),
      ...args,
    ]);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

/** The committed file, with something put in the place of something else. */
async function file(find = '', put = ''): Promise<string> {
  const text = (await readFile(join(root, 'routing.yaml'), 'utf8')).replaceAll('file: legacy-', `file: ${root}legacy-`);
  const path = join(folder, `${put.length}.yaml`);
  await writeFile(path, text.replace(find, put));
  return path;
}

test('a bridge that does not fit is an error of the file with its place, at a check and at a start', async () => {
  const path = await file('GET /api/orders/{orderId}', 'GET /api/orders/{orderNo}');
  const problem =
    /:\d+:13: error: routes\.soap-get-order\.new\.rest: "\{orderNo\}" is not in the input, which has orderId/;
  const checked = await banyan('check', path);
  expect([checked.code, checked.out]).toEqual([1, expect.stringMatching(problem)]);
  const started = await banyan('start', '--routing', path, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
  expect([started.code, started.err]).toEqual([2, expect.stringMatching(problem)]);
});

test('explain shows the request that would go out, and why none would', async () => {
  const path = await file();
  const ask = async (body: string): Promise<{ code: number; out: string; err: string }> => {
    const message = join(folder, 'message.xml');
    await writeFile(message, envelope(body));
    return banyan(
      'explain',
      'POST',
      '/soap/OrderService',
      '-H',
      'content-type: text/xml',
      '--soap',
      message,
      '--routing',
      path,
    );
  };
  const get = (id: string): string =>
    `<o:GetOrder xmlns:o="http://reeferdesk.example/orders/v1"><o:orderId>${id}</o:orderId></o:GetOrder>`;
  expect((await ask(get('a/b'))).out).toMatch(/^rest {6}GET \/api\/orders\/a%2Fb$/m);
  const refused = await ask(get('..'));
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('GW_BRIDGE_INPUT')]);
});
