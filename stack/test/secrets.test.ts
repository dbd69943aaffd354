import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSecrets, secretsFile } from '@banyan/stack/secrets';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-secrets-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the first start makes passwords that differ, and a later start has the same ones', async () => {
  const first = await loadSecrets(folder);
  expect(new Set(Object.values(first)).size).toBe(5);
  for (const password of Object.values(first)) expect(password).toMatch(/^[\w-]{32}$/);
  expect(await loadSecrets(folder)).toEqual(first);
});

test('nobody but the owner can read them, also when the file was opened meanwhile', async () => {
  await loadSecrets(folder);
  expect((await stat(secretsFile(folder))).mode & 0o777).toBe(0o600);
  await chmod(secretsFile(folder), 0o644);
  await loadSecrets(folder);
  expect((await stat(secretsFile(folder))).mode & 0o777).toBe(0o600);
});

test('a login that was added later gets a password, and the others keep theirs', async () => {
  await writeFile(secretsFile(folder), '{"postgres":"kept"}');
  const secrets = await loadSecrets(folder);
  expect(secrets.postgres).toBe('kept');
  expect(secrets.cdc).toMatch(/^[\w-]{32}$/);
  expect(JSON.parse(await readFile(secretsFile(folder), 'utf8'))).toEqual(secrets);
});

test('a broken file is refused, and never replaced: the databases know its passwords only', async () => {
  await writeFile(secretsFile(folder), '{"postgres":"hunter2');
  await expect(loadSecrets(folder)).rejects.toMatchObject({ code: 'STACK_BAD_CONFIG' });
  await expect(loadSecrets(folder)).rejects.not.toThrow(/hunter2/);
  expect(await readFile(secretsFile(folder), 'utf8')).toBe('{"postgres":"hunter2');
});
