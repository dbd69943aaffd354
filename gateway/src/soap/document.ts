/**
 * The documents of a WSDL that was loaded from files, by the paths at which clients ask for them. Only what the WSDL imports is
 * there to be had: a path leads to a name among those, and never to the disk.
 */
import { dirname, resolve } from 'node:path';

export interface Documents {
  /** The WSDL, absolute. */
  readonly file: string;
  /** Bytes by absolute file name, the WSDL's among them. */
  readonly sources: ReadonlyMap<string, Buffer>;
}

/**
 * The document that is asked for; null when there is none.
 * @param servicePath the facade's path of the service
 * @param target the request's path and query
 */
export function documentAt({ file, sources }: Documents, servicePath: string, target: string): Buffer | null {
  const [path = '', query = ''] = (target.split('#')[0] ?? '').split(/\?(.*)/s);
  const folder = dirname(file);
  const asked =
    path === servicePath
      ? named(query)
      : path.startsWith(above(servicePath))
        ? path.slice(above(servicePath).length)
        : null;
  if (asked === null) return null;
  return sources.get(asked === '' ? file : resolve(folder, decoded(asked))) ?? null;
}

/** The folder of a path, with its slash. */
const above = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

/** What a query asks for: empty for the WSDL itself, null for nothing. */
function named(query: string): string | null {
  for (const parameter of query.split('&')) {
    const [name = '', value = ''] = parameter.split(/=(.*)/s);
    if (/^(?:wsdl|singlewsdl)$/i.test(name)) return value;
    if (/^xsd$/i.test(name)) return value === '' ? null : value;
  }
  return null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
