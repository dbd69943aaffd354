import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCorpus } from '@banyan/gateway/parity/corpus';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-corpus-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('a folder gives the requests of all its files, in the order of their names', async () => {
  await mkdir(join(folder, 'b'));
  await writeFile(join(folder, 'z.http'), 'GET /z');
  await writeFile(join(folder, 'b', 'y.ndjson'), '{"path":"/y1"}\n{"path":"/y2"}');
  await writeFile(join(folder, 'a.rest'), 'GET /a');
  await writeFile(join(folder, 'notes.md'), 'nothing');
  const items = await readCorpus(folder);
  expect(items.map(({ request }) => request.target)).toEqual(['/a', '/y1', '/y2', '/z']);
  expect(items[1]?.file).toBe(join(folder, 'b', 'y.ndjson'));
});

test('a file gives its own', async () => {
  await writeFile(join(folder, 'one.http'), '### a\nGET /a');
  expect(await readCorpus(join(folder, 'one.http'))).toHaveLength(1);
});

test('every problem of every file is told, with file and line', async () => {
  await writeFile(join(folder, 'a.http'), 'GOT\n### b\nGET nowhere');
  await writeFile(join(folder, 'b.ndjson'), '{"path":"/a"}\n[]');
  await expect(readCorpus(folder)).rejects.toMatchObject({
    code: 'GW_BAD_CORPUS',
    message: [
      `${folder}/a.http:1: expected a path that begins with "/" behind GOT, not ""`,
      `${folder}/a.http:3: expected a path that begins with "/" behind GET, not "nowhere"`,
      `${folder}/b.ndjson:2: expected an object, such as {"path": "/api/orders/1"}`,
    ].join('\n'),
  });
});

test.each([
  ['nothing there', 'missing', 'there is no such file or folder'],
  ['a folder without a request', '', 'holds no request'],
])('%s is said', async (_name, path, message) => {
  await expect(readCorpus(join(folder, path))).rejects.toThrow(message);
});

test('a file that is not UTF-8 is refused', async () => {
  await writeFile(join(folder, 'a.http'), Buffer.from([0x47, 0xff]));
  await expect(readCorpus(folder)).rejects.toThrow('it is not UTF-8');
});
