/**
 * The WSDL of a service and the schemas that it imports, as clients fetch them: every location is absolute, so that it does
 * not matter how a client resolves what is relative to a query string.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the WSDL and XSD files. */
const FOLDER = fileURLToPath(new URL('../wsdl/', import.meta.url));

export interface Documents {
  readonly wsdl: string;
  /** Texts of the imported schemas by file name, their own imports included. */
  readonly schemas: ReadonlyMap<string, string>;
}

/** The path of a service's WSDL file. */
export function wsdlFile(service: string): string {
  return join(FOLDER, `${service}.wsdl`);
}

const LOCATION = /(\sschemaLocation=")([^"]*)(")/g;

/** Reads a service's WSDL and all schemas that it reaches. */
export async function readDocuments(service: string): Promise<Documents> {
  const wsdl = await readFile(wsdlFile(service), 'utf8');
  const schemas = new Map<string, string>();
  const waiting = importsOf(wsdl);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (schemas.has(name)) continue;
    const text = await readFile(join(FOLDER, name), 'utf8');
    schemas.set(name, text);
    waiting.push(...importsOf(text));
  }
  return { wsdl, schemas };
}

function importsOf(text: string): string[] {
  return [...text.matchAll(LOCATION)].map((match) => match[2] ?? '');
}

/**
 * A document as it is served.
 * @param endpoint where clients reach the service, `http://…/soap/OrderService`
 */
export function located(text: string, endpoint: string): string {
  const safe = endpoint.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
  return text
    .replace(LOCATION, (_all, before: string, name: string, after: string) => `${before}${safe}?xsd=${name}${after}`)
    .replace(
      /(<soap(?:12)?:address location=")[^"]*(")/g,
      (_all, before: string, after: string) => before + safe + after,
    );
}
