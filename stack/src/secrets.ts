/**
 * The passwords of the embedded Postgres: made at the first start, kept in a file that only its owner can read, and the same
 * at every later start.
 */
import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError } from './errors.ts';

/** Who has a password: the superuser, each database's owner, and cdc. */
export type Login = 'postgres' | 'legacy' | 'orders' | 'backbone' | 'cdc';

export type Secrets = Readonly<Record<Login, string>>;

const LOGINS: readonly Login[] = ['postgres', 'legacy', 'orders', 'backbone', 'cdc'];
const PASSWORD_BYTES = 24; // 192 bits, beyond guessing.
const OWNER_ONLY = 0o600;

/** Where the passwords are. */
export function secretsFile(dataDir: string): string {
  return join(dataDir, 'secrets.json');
}

/**
 * Reads the passwords, and makes those that are missing.
 * @throws StackError STACK_BAD_CONFIG when the file is no JSON object of texts, STACK_PERMISSION when it may not be read
 */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const file = secretsFile(dataDir);
  const known = await read(file);
  const missing = LOGINS.filter((login) => known[login] === undefined);
  const password = (login: Login): string => known[login] ?? randomBytes(PASSWORD_BYTES).toString('base64url');
  const secrets: Secrets = {
    postgres: password('postgres'),
    legacy: password('legacy'),
    orders: password('orders'),
    backbone: password('backbone'),
    cdc: password('cdc'),
  };
  if (missing.length > 0) await write(file, secrets);
  else await chmod(file, OWNER_ONLY);
  return secrets;
}

async function read(file: string): Promise<Partial<Record<string, string>>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new StackError(
      'STACK_PERMISSION',
      `${file} cannot be read (${(cause as Error).message}). Start as the user that made it, or set DATA_DIR to another folder.`,
      { cause },
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && Object.values(value).every((entry) => typeof entry === 'string'))
      return value as Record<string, string>;
  } catch {
    // Said below, without the text: it may hold passwords.
  }
  throw new StackError(
    'STACK_BAD_CONFIG',
    `${file} is not a JSON object of passwords. Restore it; or, to begin with empty databases, move the whole folder away.`,
  );
}

/** Whole or not at all: a start that is killed here must not leave half a file. */
async function write(file: string, secrets: Secrets): Promise<void> {
  const draft = `${file}.unfinished`;
  await writeFile(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: OWNER_ONLY });
  await chmod(draft, OWNER_ONLY); // The mode above counts only for a file that is new.
  await rename(draft, file);
}
