/** Where a Postgres database is and how to get in: a URL, with TLS and the password's file beside it. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** null: the server asks for none, or `PGPASSWORD` and `~/.pgpass` have it. */
  readonly password: string | null;
  readonly database: string;
  readonly ssl: false | ConnectionOptions;
  /** For people: `postgres://user@host:port/database`, without the password. */
  readonly label: string;
}

export interface AddressParts {
  readonly url: string;
  readonly passwordFile?: string | undefined;
  /** As libpq's sslmode; over the URL's. */
  readonly tls?: string | undefined;
  readonly rootCert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

const DEFAULT_PORT = 5432;

/**
 * Puts an address together; reads the files that it names.
 * @throws Error that says which part is wrong; never with the password in it
 */
export function readAddress(parts: AddressParts): Address {
  const url = parseUrl(parts.url);
  const { hostname, port } = url;
  const user = decodeURIComponent(url.username);
  const database = decodeURIComponent(url.pathname.slice(1));
  if (hostname === '') throw new Error('the URL has no host');
  if (user === '') throw new Error('the URL has no user');
  if (database === '') throw new Error('the URL has no database');
  for (const key of url.searchParams.keys())
    if (key !== 'sslmode') throw new Error(`the URL's parameter "${key}" is not supported`);
  const fromFile =
    parts.passwordFile === undefined ? null : readFileSync(parts.passwordFile, 'utf8').replace(/\r?\n$/, '');
  const written = url.password === '' ? null : decodeURIComponent(url.password);
  if (fromFile !== null && written !== null) throw new Error('the password is given twice: in the URL and by a file');
  const number = port === '' ? DEFAULT_PORT : Number(port);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    host,
    port: number,
    user,
    database,
    password: fromFile ?? written,
    ssl: tlsOf(parts, url.searchParams.get('sslmode')),
    label: `postgres://${url.username}@${hostname}:${number}${url.pathname}`,
  };
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new Error('not a URL of the form postgres://user:password@host:port/database');
  const url = new URL(text);
  if (url.protocol === 'postgres:' || url.protocol === 'postgresql:') return url;
  throw new Error('not a URL of the form postgres://user:password@host:port/database');
}

function tlsOf({ tls, rootCert, cert, key }: AddressParts, inUrl: string | null): false | ConnectionOptions {
  const mode = tls ?? inUrl ?? 'disable';
  if (!isTlsMode(mode))
    throw new Error(`TLS mode "${mode}" is not supported: choose disable, require, verify-ca or verify-full`);
  if (mode === 'disable') return false;
  const files = {
    ...(rootCert === undefined ? {} : { ca: readFileSync(rootCert) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
  };
  // As libpq: `require` encrypts only, `verify-ca` checks who signed, `verify-full` also for whom.
  if (mode === 'require') return { ...files, rejectUnauthorized: false };
  return mode === 'verify-ca' ? { ...files, checkServerIdentity: () => undefined } : files;
}

function isTlsMode(text: string): text is TlsMode {
  return text === 'disable' || text === 'require' || text === 'verify-ca' || text === 'verify-full';
}
