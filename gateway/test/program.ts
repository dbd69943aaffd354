/** Runs the `banyan` command as the shell does: a process of its own, with an environment of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const LAUNCHER: string = fileURLToPath(new URL('../bin/banyan.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface How {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Run as this user and group, where the tests may choose. */
  readonly uid?: number;
}

/** A process that was started, and what it has said so far. */
export interface Program {
  readonly child: ChildProcess;
  out(): string;
  err(): string;
  readonly ended: Promise<Ran>;
}

export function launch(args: readonly string[], { env = {}, cwd, uid }: How = {}): Program {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  return { child, out: () => out, err: () => err, ended };
}

export const banyan = (args: readonly string[], how: How = {}): Promise<Ran> => launch(args, how).ended;

/** The line `ready …` of a facade that was started; throws what it said instead when it ends first. */
export async function ready(program: Program): Promise<string> {
  const line = (): string | undefined => /^ready (\S+)$/m.exec(program.out())?.[1];
  return await new Promise((resolve, reject) => {
    const look = (): void => {
      const url = line();
      if (url !== undefined) resolve(url);
    };
    program.child.stdout?.on('data', look);
    program.ended.then(({ code, err }) => reject(new Error(`ended with ${code}: ${err}`)), reject);
    look();
  });
}
