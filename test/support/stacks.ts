/**
 * SOAP clients of four stacks, each a program of `test/clients` in a process of its own that is asked call by call: Python's zeep and
 * suds, Java's Apache CXF, and node-soap. What is missing here is told, and missing where `CI=true` is a failure.
 */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './example.ts';

export type Stack = 'zeep' | 'suds' | 'cxf' | 'node-soap';

/** One call of one operation; `wsdl` is read by the client itself. */
export interface Call {
  readonly wsdl: string;
  readonly service: string;
  readonly port: string;
  readonly operation: string;
  /** In the schema's order, which node-soap keeps; null is nil. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Names in `input` that are attributes, for clients that must be told. */
  readonly attributes?: readonly string[];
  /** PEM files with which zeep signs its messages and verifies the answers; in all calls of a WSDL, or in none. */
  readonly key?: string;
  readonly certificate?: string;
}

/** What a client understood. Every scalar is a text, nil and absent are null. */
export type Said =
  | { readonly kind: 'answer'; readonly value: Understood }
  | {
      readonly kind: 'fault';
      /** Its local name; null where the client keeps it to itself. */
      readonly code: string | null;
      readonly reason: string;
      /** The first element of the detail. */
      readonly detail: { readonly name: string; readonly fields: Understood } | null;
    }
  /** It took what came for no SOAP. */
  | { readonly kind: 'error'; readonly message: string };

export type Understood = null | string | readonly Understood[] | { readonly [name: string]: Understood };

export interface Client {
  readonly stack: Stack;
  /** Calls are made one after the other. @throws Error when the program ends, with its last words */
  call(call: Call): Promise<Said>;
  close(): Promise<void>;
}

/** The ports of ReeferDesk's kind (`…Soap11`, `…Soap12`) that each stack can use. */
export const versionsOf: Readonly<Record<Stack, readonly ('11' | '12')[]>> = {
  zeep: ['11', '12'],
  suds: ['11'],
  cxf: ['11', '12'],
  'node-soap': ['11', '12'],
};

export const python: string = process.env['BANYAN_PYTHON'] ?? 'python3';
const java = process.env['BANYAN_JAVA_CLIENT'] ?? '';

/** Why a stack cannot be used on this machine; null when it can. */
export function lacks(stack: Stack): string | null {
  switch (stack) {
    case 'zeep':
      return lacksPython(['zeep']);
    case 'suds':
      return lacksPython(['suds']);
    case 'cxf':
      return existsSync(join(java, 'classes'))
        ? null
        : 'no CXF client: mvn -f test/clients/cxf/pom.xml -Dtarget=FOLDER compile, and name the folder in BANYAN_JAVA_CLIENT';
    case 'node-soap':
      return null;
    default:
      return stack satisfies never;
  }
}

/** Why Python programs that import these cannot run; null when they can. */
export function lacksPython(modules: readonly string[]): string | null {
  const tried = spawnSync(python, ['-c', modules.map((name) => `import ${name}`).join('; ')]);
  return tried.status === 0
    ? null
    : `${python} has no ${modules.join(' and ')}: pip install -r .ci/requirements.txt, and name the interpreter in BANYAN_PYTHON`;
}

/** Whether a test that needs what is lacking is left out: nowhere where everything must run. Tells the reason. */
export function leftOut(what: string, reason: string | null): boolean {
  if (reason === null || process.env['CI'] === 'true') return false;
  process.stderr.write(`${what} is skipped: ${reason}\n`);
  return true;
}

const programs: Readonly<Record<Stack, () => readonly [string, ...string[]]>> = {
  zeep: () => [python, join(root, 'test/clients/zeep/calls.py')],
  suds: () => [python, join(root, 'test/clients/suds/calls.py')],
  cxf: () => ['java', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classpath(), 'clients.CallClient'],
  'node-soap': () => [process.execPath, join(root, 'test/clients/nodesoap/calls.mjs')],
};

const classpath = (): string => `${join(java, 'classes')}:${join(java, 'lib')}/*`;

/** Starts a client. @throws Error saying what is lacking */
export function openClient(stack: Stack): Client {
  const reason = lacks(stack);
  if (reason !== null) throw new Error(reason);
  const [command, ...args] = programs[stack]();
  return new Speaker(stack, spawn(command, args, { stdio: 'pipe' }));
}

/** A program that answers each line with a line. */
class Speaker implements Client {
  readonly stack: Stack;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: { readonly resolve: (said: Said) => void; readonly reject: (error: Error) => void }[] = [];
  readonly #exited: Promise<void>;
  #words = '';
  #ended = false;

  constructor(stack: Stack, child: ChildProcessWithoutNullStreams) {
    this.stack = stack;
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line));
    child.stderr.on('data', (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString()).slice(-4_000);
    });
    child.stdin.on('error', () => undefined); // Its end is told by `close`.
    this.#exited = new Promise((resolve) => {
      const end = (): void => {
        this.#ended = true;
        for (const { reject } of this.#waiting.splice(0)) reject(this.#gone());
        resolve();
      };
      child.once('error', end);
      child.once('close', end);
    });
  }

  #gone(): Error {
    return new Error(`the ${this.stack} client has ended: ${this.#words}`);
  }

  #hear(line: string): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    try {
      next.resolve(JSON.parse(line) as Said);
    } catch (cause) {
      next.reject(new Error(`the ${this.stack} client said ${line}`, { cause }));
    }
  }

  call(call: Call): Promise<Said> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#gone());
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(call)}\n`);
    });
  }

  async close(): Promise<void> {
    // It reads to the end of its input, and ends there.
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#exited;
    clearTimeout(timer);
  }
}
