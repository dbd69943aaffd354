import { mkdir, mkdtemp, open, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { watchFile, type Watch } from '@banyan/gateway/routing/watch';

let folder = '';
let path = '';
const watches: Watch[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-watch-'));
  path = join(folder, 'routing.yaml');
});

afterEach(async () => {
  for (const watch of watches.splice(0)) watch.close();
  await rm(folder, { recursive: true, force: true });
});

const content = (mark: string): string => `# ${mark}\n${'key: value\n'.repeat(20)}`;

/** Every content that was told of, in order. */
async function watching(at = path, text = content('first')): Promise<{ seen: string[]; watch: Watch }> {
  const seen: string[] = [];
  const watch = watchFile(at, text, (bytes) => {
    seen.push(Buffer.from(bytes).toString('utf8').split('\n', 1).join('').slice(2));
    return Promise.resolve();
  });
  watches.push(watch);
  await watch.poke();
  expect(seen.splice(0)).toEqual(['first']);
  return { seen, watch };
}

/** What was told of, once that is so many: waited for far beyond the second that is promised, for machines that are busy. */
async function told(seen: readonly string[], count: number): Promise<readonly string[]> {
  await vi.waitFor(
    () => {
      if (seen.length < count) throw new Error(`told of ${seen.join(', ')} only`);
    },
    { timeout: 10_000, interval: 20 },
  );
  return seen;
}

describe('every way of replacing the file is seen, and told of once', () => {
  test('written in place', async () => {
    await writeFile(path, content('first'));
    const { seen } = await watching();
    await writeFile(path, content('second'));
    expect(await told(seen, 1)).toEqual(['second']);
    await writeFile(path, content('third'));
    expect(await told(seen, 2)).toEqual(['second', 'third']);
  });

  test('renamed over', async () => {
    await writeFile(path, content('first'));
    const { seen } = await watching();
    for (const mark of ['second', 'third']) {
      await writeFile(`${path}.new`, content(mark));
      await rename(`${path}.new`, path);
      const expected = mark === 'second' ? ['second'] : ['second', 'third'];
      expect(await told(seen, expected.length)).toEqual(expected);
    }
  });

  test('by another symlink', async () => {
    await writeFile(join(folder, 'a'), content('first'));
    await writeFile(join(folder, 'b'), content('second'));
    await symlink('a', path);
    const { seen } = await watching();
    await symlink('b', `${path}.new`);
    await rename(`${path}.new`, path);
    expect(await told(seen, 1)).toEqual(['second']);
  });

  test('as a ConfigMap does it: a symlink to a symlinked folder that is swapped', async () => {
    for (const mark of ['first', 'second']) {
      await mkdir(join(folder, `..${mark}`));
      await writeFile(join(folder, `..${mark}`, 'routing.yaml'), content(mark));
    }
    await symlink('..first', join(folder, '..data'));
    await symlink('..data/routing.yaml', path);
    const { seen } = await watching();
    await symlink('..second', join(folder, '..tmp'));
    await rename(join(folder, '..tmp'), join(folder, '..data'));
    expect(await told(seen, 1)).toEqual(['second']);
  });

  test('deleted, and made anew', async () => {
    await writeFile(path, content('first'));
    const { seen, watch } = await watching();
    await unlink(path);
    await watch.poke();
    expect(seen).toEqual([]);
    await writeFile(path, content('second'));
    expect(await told(seen, 1)).toEqual(['second']);
  });
});

describe('what is no change', () => {
  test('a content that was written again is not told of again', async () => {
    await writeFile(path, content('first'));
    const { seen } = await watching();
    await writeFile(path, content('first'));
    await writeFile(`${path}.new`, content('first'));
    await rename(`${path}.new`, path);
    await writeFile(`${path}.new`, content('second'));
    await rename(`${path}.new`, path);
    expect(await told(seen, 1)).toEqual(['second']);
  });

  test('the file that was read at the start, even if it was replaced before the watch began', async () => {
    await writeFile(path, content('second'));
    const seen: string[] = [];
    watches.push(
      watchFile(path, content('first'), (bytes) => {
        seen.push(Buffer.from(bytes).toString('utf8').slice(2, 8));
        return Promise.resolve();
      }),
    );
    expect(await told(seen, 1)).toEqual(['second']);
  });

  test('half of a file, while its other half is being written', async () => {
    await writeFile(path, content('first'));
    const { seen } = await watching();
    for (const mark of ['second', 'third']) {
      const handle = await open(path, 'w');
      const whole = Buffer.from(content(mark));
      // Faster than any pause that counts as the end, and cut at the ends of lines too.
      for (let at = 0; at < whole.length; at += 11) {
        await handle.write(whole.subarray(at, at + 11));
        await new Promise((done) => setTimeout(done, 10));
      }
      await handle.close();
      const expected = mark === 'second' ? ['second'] : ['second', 'third'];
      expect(await told(seen, expected.length)).toEqual(expected);
    }
  });
});

describe('when somebody asks', () => {
  test('the file is read at once, changed or not, and whoever asked is told when that is done', async () => {
    await writeFile(path, content('first'));
    const { seen, watch } = await watching();
    await writeFile(path, content('second'));
    await watch.poke();
    expect(seen).toEqual(['second']);
    await watch.poke();
    expect(seen).toEqual(['second', 'second']);
  });

  test('what was half-written at that moment is read again when it is whole', async () => {
    await writeFile(path, content('first'));
    const { seen, watch } = await watching();
    const handle = await open(path, 'w');
    await handle.write('# half\n');
    await watch.poke();
    expect(seen).toEqual(['half']);
    await handle.write('key: value\n');
    await handle.close();
    expect(await told(seen, 2)).toEqual(['half', 'half']);
  });

  test('a watch that is closed tells of nothing more, and keeps nobody waiting', async () => {
    await writeFile(path, content('first'));
    const { seen, watch } = await watching();
    const asked = watch.poke();
    watch.close();
    await asked;
    await watch.poke();
    const before = seen.length;
    await writeFile(path, content('second'));
    await watch.poke();
    expect(seen).toHaveLength(before);
  });

  test('one content after another: the next waits until the last was taken', async () => {
    await writeFile(path, content('first'));
    let under = 0;
    let most = 0;
    const watch = watchFile(path, content('first'), async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise((done) => setImmediate(done));
      under -= 1;
    });
    watches.push(watch);
    await Promise.all(Array.from({ length: 10 }, () => watch.poke()));
    await watch.poke();
    expect(most).toBe(1);
  });
});
