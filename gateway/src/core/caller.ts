/** Who is asking: what a request itself says of its caller, as the routes' `sticky:` and `when:` ask for it. */
import type { Fields } from './field.ts';
import { fieldOf } from './flat.ts';
import { claimOf } from './jwt.ts';
import { decoded } from './pattern.ts';
import type { Side } from './side.ts';
import type { Key, When } from './table.ts';

/** What of a request a decision may depend on. */
export interface Asked {
  /** As they came. */
  readonly fields: Fields;
  /** Path parameters by name, still percent-encoded. */
  readonly params: ReadonlyMap<string, string>;
  /** The caller's IP address, as far as proxies in front are trusted to tell it. */
  readonly address: string;
  /** The side that a tester asks for, with the right secret; null: nobody does. */
  readonly override: Side | null;
  /** A number in [0, 1), drawn anew for each request: what samples are taken by. */
  readonly draw: number;
  /**
   * The text of an element of a SOAP message; null where there is none, and for messages that are too long to be held or did not
   * come to this.
   */
  readonly element: (path: readonly string[]) => string | null;
}

/** The first of `keys` that the request has; null when it has none. An empty value is none. */
export function keyOf(keys: readonly Key[], asked: Asked): string | null {
  for (const key of keys) {
    const value = valueOf(key, asked);
    if (value !== null && value !== '') return value;
  }
  return null;
}

function valueOf(key: Key, asked: Asked): string | null {
  // Only what the key names is asked for: parameters are taken out of the path, and elements out of the message, when they are.
  switch (key.kind) {
    case 'header':
      return fieldOf(asked.fields, key.name);
    case 'cookie':
      return cookieOf(asked.fields, key.name);
    case 'param': {
      // By what it names, so that another spelling is the same caller.
      const text = asked.params.get(key.name);
      return text === undefined ? null : (decoded(text) ?? text);
    }
    case 'claim': {
      const token = bearerOf(fieldOf(asked.fields, 'authorization'));
      return token === null ? null : claimOf(token, key.path);
    }
    case 'soap':
      return asked.element(key.path);
    case 'ip':
      return asked.address;
    default:
      return key satisfies never;
  }
}

/** Whether the request has everything that `when` names. */
export function meets(when: When, { fields }: Pick<Asked, 'fields'>): boolean {
  return (
    when.headers.every(([name, value]) => fieldOf(fields, name) === value) &&
    when.cookies.every(([name, value]) => cookieOf(fields, name) === value)
  );
}

/** The first cookie of this name in any `Cookie` field (RFC 6265, section 5.4), without quotes around it; null when there is none. */
function cookieOf(fields: Fields, name: string): string | null {
  for (let index = 0; index < fields.length; index += 2) {
    const own = fields[index] ?? '';
    if (own.length !== 6 || own.toLowerCase() !== 'cookie') continue;
    for (const pair of (fields[index + 1] ?? '').split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
      const value = pair.slice(equals + 1).trim();
      return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  }
  return null;
}

function bearerOf(authorization: string | null): string | null {
  // The scheme's name is case-insensitive (RFC 9110, section 11.1).
  return authorization !== null && /^bearer /i.test(authorization) ? authorization.slice(7).trim() : null;
}
