import { spawnSync } from 'node:child_process';
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readRouting } from '@banyan/gateway/routing';
import { flip, type Edit } from '@banyan/gateway/routing/edit';
import { patchOf } from '@banyan/gateway/routing/patch';
import { banyan } from '../program.ts';
import { small } from './example.ts';

let folder = '';
let path = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-edit-'));
  path = join(folder, 'routing.yaml');
});

afterEach(async () => {
  await chmod(folder, 0o755);
  await rm(folder, { recursive: true, force: true });
});

const to = (stage: string, more: Partial<Parameters<typeof flip>[0]> = {}): Promise<Edit> =>
  flip({ path, route: 'order-get', stage, env: {}, ...more });

const hashOf = (text: string): string => readRouting(text, {}, '2026-11-24').hash;

/** A file whose one route has its stage written in some way. */
const written = (stage: string): string => `# the migration
version: 1   # the only one
upstreams: { orders:   http://127.0.0.1:2,
             'legacy': "http://127.0.0.1:1" }
default: legacy

routes:
    # moved last
    order-get:
        new: orders   # the order service
        stage: ${stage}
        match: >-
          GET
          /api/orders/:orderId
`;

describe('a flip changes one word, and no other byte', () => {
  test.each([
    ['legacy', 'new'],
    ['legacy # not yet', 'new # not yet'],
    ['legacy     ', 'new     '],
    ["'legacy'", "'new'"],
    ['"legacy"   # x', '"new"   # x'],
    ['!!str legacy', '!!str new'],
    ['&here legacy', '&here new'],
    ['>-\n            legacy', 'new'],
    ['${STAGE:-legacy}', 'new'],
  ])('%j becomes %j', async (before, after) => {
    await writeFile(path, written(before));
    expect(await to('new')).toMatchObject({ kind: 'written', from: 'legacy', to: 'new', hash: hashOf(written(after)) });
    expect(await readFile(path, 'utf8')).toBe(written(after));
    expect(await readdir(folder)).toEqual(['routing.yaml']);
  });

  test.each([
    ['in flow style', small()],
    ['with Windows line ends and a byte order mark', `\uFEFF${small()}`.replaceAll('\n', '\r\n')],
    ['without an end of its last line', small().trimEnd()],
  ])('in a file %s', async (_name, text) => {
    await writeFile(path, text);
    expect((await to('new')).kind).toBe('written');
    expect(await readFile(path, 'utf8')).toBe(text.replace('stage: legacy', 'stage: new'));
    expect((await to('legacy')).kind).toBe('written');
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('whatever stands around it', async () => {
    const comment = fc.stringMatching(/^[ -~]{0,20}$/).map((text) => `# ${text}\n`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(comment, { maxLength: 3 }),
        comment,
        fc.constantFrom('held', 'new', 'retired'),
        async (head, tail, stage) => {
          const text = `${head.join('')}${written('legacy')}${tail}`;
          await writeFile(path, text);
          await to(stage);
          expect(await readFile(path, 'utf8')).toBe(text.replace('stage: legacy', `stage: ${stage}`));
        },
      ),
      { numRuns: 30 },
    );
  });

  test('is told when there is nothing to do', async () => {
    await writeFile(path, small());
    const { mtimeNs } = await stat(path, { bigint: true });
    expect(await to('legacy')).toEqual({ kind: 'same', stage: 'legacy', hash: hashOf(small()) });
    expect((await stat(path, { bigint: true })).mtimeNs).toBe(mtimeNs);
  });

  test('keeps the mode of the file, whatever the umask', async () => {
    await writeFile(path, small());
    await chmod(path, 0o664);
    await to('new');
    expect((await stat(path)).mode & 0o777).toBe(0o664);
  });

  test('goes to `gone` with words that were prepared, and back again', async () => {
    await writeFile(path, small().replace(', new: orders', ', new: orders, gone: Use /v2.'));
    expect(await to('gone')).toMatchObject({ kind: 'written', from: 'legacy', to: 'gone', warnings: [] });
    expect(await to('legacy')).toMatchObject({ kind: 'written', from: 'gone', to: 'legacy' });
    expect(await readFile(path, 'utf8')).toContain('gone: Use /v2.');
  });

  test('of a file behind a symlink leaves the symlink', async () => {
    const real = join(folder, 'real.yaml');
    await writeFile(real, small());
    await symlink('real.yaml', path);
    expect((await to('new')).kind).toBe('written');
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await readFile(real, 'utf8')).toContain('stage: new');
    expect((await readdir(folder)).toSorted()).toEqual(['real.yaml', 'routing.yaml']);
  });
});

describe('a flip that must not be is refused', () => {
  const refusals: readonly (readonly [
    name: string,
    text: string,
    more: Partial<Parameters<typeof flip>[0]>,
    because: RegExp,
  ])[] = [
    ['to a stage that is none', small(), { stage: 'nwe' }, /^"nwe" is no stage; did you mean "new"\?$/],
    ['to half a stage', small(), { stage: 'canary' }, /^"canary" is no stage/],
    [
      'to a canary, of an exclusive route',
      small().replace(', new: orders', ', new: orders, exclusive: true'),
      { stage: 'canary 25%' },
      /with "order-get" at "canary 25%" the file would not be valid\n {2}7:\d+ .*an exclusive route cannot be a canary/,
    ],
    [
      'of a route that there is not',
      small(),
      { route: 'order-gte' },
      /^no route is named "order-gte"; did you mean "order-get"\?$/,
    ],
    ['that needs a successor', small().replace(', new: orders', ''), {}, /would not be valid\n.*needs "new:"/],
    [
      'in a file that is not valid',
      `${small()}routs: {}\n`,
      {},
      /is not valid as it stands\n {2}8:1 routs: unknown key/,
    ],
    [
      'of a stage that an alias brings',
      small('  b: &b { match: GET /b, stage: legacy, new: orders }\n').replace(
        "order-get: { match: 'GET /api/orders/:orderId', stage: legacy, new: orders }",
        'a: { match: GET /a, stage: &s legacy, new: orders }\n  order-get: *s',
      ),
      {},
      /not valid as it stands/,
    ],
    [
      'that would move another route with it',
      small('  b: { match: GET /b, stage: *s, new: orders }\n').replace('stage: legacy', 'stage: &s legacy'),
      {},
      /^b would move too, by an alias: write each stage out first$/,
    ],
  ];

  test.each(refusals)('%s', async (...[, text, more, because]) => {
    await writeFile(path, text);
    const edit = await to('new', more);
    expect(edit).toEqual({ kind: 'refused', because: expect.stringMatching(because) });
    expect(await readFile(path, 'utf8')).toBe(text);
    expect(await readdir(folder)).toEqual(['routing.yaml']);
  });

  test('in a file that is not UTF-8: what it holds would not be written back as it was', async () => {
    const bytes = Buffer.concat([Buffer.from(small()), Buffer.from('# caf\xe9\n', 'latin1')]);
    await writeFile(path, bytes);
    expect(await to('new')).toEqual({ kind: 'refused', because: expect.stringContaining('is not UTF-8') });
    expect(await readFile(path)).toEqual(bytes);
  });

  test.each([
    ['a file that is not there', 'absent.yaml'],
    ['a folder', '.'],
  ])('of %s, with what to do', async (_name, name) => {
    await expect(to('new', { path: join(folder, name) })).rejects.toMatchObject({
      code: 'GW_BAD_CONFIG',
      message: expect.stringMatching(/^cannot read /),
    });
  });
});

describe('two writers', () => {
  test('a flip over the content that it names is refused once that has changed', async () => {
    await writeFile(path, small());
    const over = hashOf(small());
    await writeFile(path, `${small()}# by hand\n`);
    expect(await to('new', { over })).toEqual({
      kind: 'changed',
      because: expect.stringContaining('was changed meanwhile'),
    });
    expect(await readFile(path, 'utf8')).toBe(`${small()}# by hand\n`);
    expect((await to('new', { over: hashOf(`${small()}# by hand\n`) })).kind).toBe('written');
  });

  test('of many flips at once each lands, and none undoes another', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `r${index}`);
    await writeFile(
      path,
      small(names.map((name) => `  ${name}: { match: GET /${name}, stage: legacy, new: orders }\n`).join('')),
    );
    const edits = await Promise.all(names.map((route) => to('new', { route })));
    expect(new Set(edits.map(({ kind }) => kind))).toEqual(new Set(['written']));
    const text = await readFile(path, 'utf8');
    expect(text.match(/stage: new/g)).toHaveLength(names.length);
    expect(await readdir(folder)).toEqual(['routing.yaml']);
  });

  test('of many flips at once over one content one lands, and the others are told', async () => {
    await writeFile(path, small());
    const over = hashOf(small());
    const edits = await Promise.all(['new', 'held', 'retired', 'gone'].map((stage) => to(stage, { over })));
    expect(edits.map(({ kind }) => kind).toSorted()).toEqual(['changed', 'changed', 'changed', 'written']);
  });

  test('flips by processes of their own wait for each other as well', async () => {
    const names = ['a', 'b', 'c'];
    await writeFile(
      path,
      small(names.map((name) => `  ${name}: { match: GET /${name}, stage: legacy, new: orders }\n`).join('')),
    );
    const ran = await Promise.all(names.map((name) => banyan(['flip', name, 'new', '--routing', path])));
    expect(ran.map(({ code, err }) => [code, err])).toEqual(names.map(() => [0, '']));
    expect((await readFile(path, 'utf8')).match(/stage: new/g)).toHaveLength(3);
  });

  test('a lock that a dead process left is broken, once, by whoever comes', async () => {
    await writeFile(path, small('  b: { match: GET /b, stage: legacy, new: orders }\n'));
    await writeFile(`${path}.lock`, '1 dead');
    const old = new Date(Date.now() - 60_000);
    await utimes(`${path}.lock`, old, old);
    const edits = await Promise.all([to('new'), to('new', { route: 'b' }), to('held', { route: 'b' })]);
    expect(edits.every(({ kind }) => kind === 'written')).toBe(true);
    expect(await readdir(folder)).toEqual(['routing.yaml']);
  });

  test('a lock that somebody holds is waited for, and then told', async () => {
    await writeFile(path, small());
    await writeFile(`${path}.lock`, '1 alive');
    await expect(to('new')).rejects.toMatchObject({
      code: 'GW_FILE_CHANGED',
      message: expect.stringContaining('routing.yaml.lock is held by another writer'),
    });
    expect(await readFile(path, 'utf8')).toBe(small());
    expect(await readFile(`${path}.lock`, 'utf8')).toBe('1 alive');
  });
});

/** Applies a patch as its reader would, and gives the file that comes of it. */
async function applied(text: string, patch: string, tool: 'patch' | 'git'): Promise<string> {
  await writeFile(path, text);
  const [command, args] = tool === 'patch' ? ['patch', ['-p1', '--no-backup-if-mismatch']] : ['git', ['apply', '-']];
  const { status, stderr, stdout } = spawnSync(command, args, { cwd: folder, input: patch, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stdout}${stderr}`);
  return await readFile(path, 'utf8');
}

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;

describe('a patch', () => {
  const texts: readonly (readonly [name: string, text: string])[] = [
    ['in the middle of a file', written('legacy')],
    ['of the last line', small()],
    ['of a last line without an end', small().trimEnd()],
    ['of one line alone', 'stage: legacy'],
    ['of several lines', written('>-\n            legacy').replace('legacy\n        match', 'legacy\n        match')],
  ];
  const change = (text: string): string => text.replace(/stage: (>-\s+)?legacy/, 'stage: new');

  test.skipIf(!has('patch')).each(texts)('%s is one that patch applies', async (_name, text) => {
    expect(await applied(text, patchOf('routing.yaml', text, change(text)), 'patch')).toBe(change(text));
  });

  test.skipIf(!has('git')).each(texts)('%s is one that git applies', async (_name, text) => {
    expect(await applied(text, patchOf('routing.yaml', text, change(text)), 'git')).toBe(change(text));
  });

  // As root nothing is read-only, so the command runs as somebody who may not write here.
  const nobody = process.getuid?.() === 0 ? { uid: 65_534 } : {};

  test('is what a flip gives where the file cannot be written', async () => {
    await writeFile(path, written('legacy'));
    await chmod(folder, 0o555);
    const ran = await banyan(['flip', 'order-get', 'new', '--routing', path, '--json'], nobody);
    expect(ran.code).toBe(2);
    const edit = JSON.parse(ran.out) as { kind: string; because: string; patch: string };
    expect(edit).toMatchObject({ route: 'order-get', kind: 'read-only', because: `${path} cannot be written here` });
    expect(edit.patch).toBe(patchOf('routing.yaml', written('legacy'), written('new')));
    expect(await readFile(path, 'utf8')).toBe(written('legacy'));
    const plain = await banyan(['flip', 'order-get', 'new', '--routing', path], nobody);
    expect(plain).toMatchObject({ code: 2, out: '' });
    expect(plain.err).toContain('apply this patch where it can\n--- a/routing.yaml\n');
  });
});
