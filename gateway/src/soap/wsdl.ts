/**
 * Loads the WSDL of a service from disk, with everything it imports and includes: relative files within the folder of the WSDL
 * and below. What lies on the network is not fetched (the operator's file must say the same tomorrow); it is listed instead.
 *
 * Operators trust these files, but a mistake in one must be told, not guessed around: all problems are reported together.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { detect } from '../core/soap/charset.ts';
import { link, type Document, type Problem } from '../core/soap/link.ts';
import { schemasOf, type Schemas } from '../core/soap/schema.ts';
import type { Operation, Service } from '../core/soap/service.ts';
import { parseTree } from '../core/soap/tree.ts';
import { readDescription, type Reference } from '../core/soap/wsdl.ts';
import { GatewayError } from '../error.ts';
import { decode } from './decode.ts';

/** A service and where its knowledge comes from. */
export interface SoapService extends Service {
  /** The facade's path of the service. */
  readonly path: string;
  readonly file: string;
  /** Every file that was read, the WSDL first; absolute. */
  readonly files: readonly string[];
  /** Their bytes, by the same names. */
  readonly sources: ReadonlyMap<string, Buffer>;
  /** Locations on the network that were left alone. */
  readonly skipped: readonly string[];
  /** What its messages are made of: for the bridge, and for nothing that is only forwarded. */
  readonly schemas: Schemas;
}

// A schema of a big standard (HL7, UBL, OTA) comes in up to 200 files; more is a cycle of ours or a mistake.
const MAX_DOCUMENTS = 500;
// The biggest WSDLs that people have are 5 MB, schemas inline.
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
// A file as long as that once is no mistake; a list of everything that is wrong with it may be.
const MAX_PROBLEMS_SHOWN = 20;

interface Pending {
  readonly file: string;
  readonly adopt: string | null;
  /** Where the reference stands; null for the WSDL itself. */
  readonly from: Problem | null;
}

/**
 * @param path the facade's path of the service
 * @param file the WSDL, absolute or relative to the working directory
 * @throws GatewayError GW_BAD_WSDL naming every problem with its file and line
 */
export async function loadService(path: string, file: string): Promise<SoapService> {
  const main = resolve(file);
  const loader = new Loader(main);
  await loader.load();
  const linked = link(loader.documents, { incomplete: loader.incomplete });
  const problems = [...loader.problems, ...(loader.problems.length === 0 ? linked.problems : [])];
  if (problems.length > 0) throw bad(path, problems);
  const skipped = [...loader.skipped];
  const schemas = schemasOf(
    loader.documents.flatMap(({ file: from, description }) =>
      description.schemas.map(({ root, namespace }) => ({ file: from, root, namespace })),
    ),
  );
  return {
    ...linked.service,
    path,
    file: main,
    files: [...loader.sources.keys()],
    sources: loader.sources,
    skipped,
    schemas,
  };
}

function bad(path: string, problems: readonly Problem[]): GatewayError {
  const lines = problems.slice(0, MAX_PROBLEMS_SHOWN).map(({ file, line, what }) => `${file}:${line}: ${what}`);
  if (problems.length > lines.length) lines.push(`and ${problems.length - lines.length} more`);
  return new GatewayError('GW_BAD_WSDL', `The WSDL of ${path} cannot be used.\n${lines.join('\n')}`);
}

class Loader {
  readonly documents: Document[] = [];
  readonly problems: Problem[] = [];
  readonly skipped: Set<string> = new Set();
  readonly incomplete: Set<string> = new Set();
  readonly sources: Map<string, Buffer> = new Map();
  readonly #main: string;
  readonly #pending: Pending[];
  /** File and adopted namespace: an included schema without a namespace is another schema for each that includes it. */
  readonly #seen: Set<string> = new Set();

  constructor(main: string) {
    this.#main = main;
    this.#pending = [{ file: main, adopt: null, from: null }];
  }

  async load(): Promise<void> {
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) {
      const key = `${next.file}\n${next.adopt ?? ''}`;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      if (this.#seen.size > MAX_DOCUMENTS) {
        this.#missing(next, `there are more than ${MAX_DOCUMENTS} documents; give a WSDL that imports less`);
        return;
      }
      await this.#read(next);
    }
  }

  /** Reports that a document cannot be had, at the place that refers to it. */
  #missing({ file, from }: Pending, why: string): void {
    this.problems.push(from === null ? { file, line: 1, what: why } : { ...from, what: `${from.what}: ${why}` });
  }

  async #read(pending: Pending): Promise<void> {
    const { file, adopt } = pending;
    const text = await this.#text(pending);
    if (text === null) return;
    const parsed = parseTree(text);
    if (parsed.kind === 'broken') {
      return void this.problems.push({ file, line: parsed.line, what: `it is not well-formed XML: ${parsed.because}` });
    }
    const description = readDescription(parsed.root, adopt);
    if (description.kind === 'unreadable') {
      return void this.problems.push({ file, line: description.line, what: description.because });
    }
    this.documents.push({ file, description });
    const next = description.references.flatMap((reference) => this.#follow(file, reference) ?? []);
    this.#pending.push(...next.toReversed());
  }

  #follow(file: string, { kind, location, line, adopt, namespace }: Reference): Pending | null {
    const from = { file, line, what: `the ${kind} at ${location} cannot be read` };
    // A scheme, or a host without one. (A Windows drive letter would be one character; such a path is not relative anyway.)
    if (/^[a-z][a-z0-9+.-]+:/i.test(location) || location.startsWith('//')) {
      this.skipped.add(location);
      this.incomplete.add(namespace);
      return null;
    }
    const path = location.split('#')[0] ?? '';
    return path === '' ? null : { file: resolve(dirname(file), decodedPath(path)), adopt, from };
  }

  async #text(pending: Pending): Promise<string | null> {
    const { file } = pending;
    if (!inside(dirname(this.#main), file)) {
      this.#missing(pending, `it is outside of ${dirname(this.#main)}; keep all documents in the folder of the WSDL`);
      return null;
    }
    try {
      const real = await realpath(file);
      // The WSDL itself may be a link to anywhere: the operator named it.
      if (pending.from !== null && !inside(await realpath(dirname(this.#main)), real)) {
        this.#missing(pending, `it is a link to ${real}, outside of the folder of the WSDL`);
        return null;
      }
      const { size } = await stat(real);
      if (size > MAX_DOCUMENT_BYTES) {
        this.#missing(pending, `it has ${size} bytes, and at most ${MAX_DOCUMENT_BYTES} are read`);
        return null;
      }
      const bytes = await readFile(real);
      this.sources.set(file, bytes);
      return this.#decoded(pending, bytes);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
      const hint =
        code === 'ENOENT' ? `there is no file ${file}; put it there, or correct the location` : `${code} at ${file}`;
      this.#missing(pending, hint);
      return null;
    }
  }

  #decoded(pending: Pending, bytes: Buffer): string | null {
    const found = detect(bytes, null, true);
    const text = found.kind === 'charset' ? decode(found.charset, bytes) : null;
    if (text === null)
      this.problems.push({
        file: pending.file,
        line: 1,
        what: 'its bytes are not in the charset that it declares; save it as UTF-8',
      });
    return text;
  }
}

/** `types%20v1.xsd` is a file with a space in its name; what is no valid escape stays as it is. */
function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function inside(folder: string, file: string): boolean {
  return file === folder || file.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The operation that a route names: by its name, or the local name of its input element. Several: they share the name. */
export function operationsNamed(service: Service, name: string): readonly Operation[] {
  const own = service.operations.filter((operation) => operation.name === name);
  return own.length > 0 ? own : service.operations.filter(({ input }) => input?.local === name);
}
