/** One request of the soak: what it asks, what its upstreams have been told to do with it, and how it is written. */
import { between, pick, type Roll } from './dice.ts';
import { textOf } from './answer.mjs';
import type { Who } from './side.ts';

/** How an upstream fails a request, when it has been told to. Some of them answer rightly all the same. */
export const FAULTS = [
  'hang',
  'hang-body',
  'reset',
  'reset-head',
  'reset-body',
  'end-body',
  'end-chunked',
  'no-http',
  'bad-chunk',
  'long',
  'short',
  'two',
  'big-head',
  'nul',
  'scrap',
  'close-idle',
  'error',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Script {
  readonly fault: Fault | 'ws-cut' | 'none';
  readonly shape: 'sized' | 'chunked' | 'drip' | 'closing' | 'empty' | 'early';
  /** Bytes of the answer. */
  readonly size: number;
  /** Milliseconds, 0 to 15; what for depends on the fault and the shape. */
  readonly delay: number;
  /** 0 to 1: a place. */
  readonly at: number;
}

/** Routes of the soak, by the first part of their path; `soap`, `soap-write` and `soap-bad` share one. */
export const REST = ['legacy', 'new', 'canary', 'retired', 'held', 'gone', 'owner', 'flip', 'shadow', 'other'] as const;
export type Route = (typeof REST)[number] | 'soap' | 'soap-write' | 'soap-bad' | 'ws';

export interface Asked {
  readonly id: string;
  readonly kind: string;
  readonly route: Route;
  readonly method: string;
  readonly target: string;
  readonly customer: string;
  readonly scripts: Readonly<Record<Who, Script>>;
  readonly body: Buffer | null;
  /** Without a length. */
  readonly chunked: boolean;
  readonly fields: Readonly<Record<string, string>>;
  /** Whether it may reach an upstream only once. Its id says so as well, for the journals. */
  readonly write: boolean;
}

export interface Wish {
  readonly kind: string;
  readonly route?: Route;
  readonly method?: string;
  readonly body?: Buffer;
  readonly chunked?: boolean;
  readonly fields?: Readonly<Record<string, string>>;
  /** The share of answers that are told to fail, 0 to 1. */
  readonly faults?: number;
  readonly shape?: Script['shape'];
  readonly size?: number;
  readonly write?: boolean;
}

/** @param name of the request, not used before */
export function askedOf(roll: Roll, name: string, wish: Wish): Asked {
  const route = wish.route ?? pick(roll, REST);
  const method = wish.method ?? pick(roll, ['GET', 'GET', 'GET', 'HEAD', 'POST']);
  const write = wish.write ?? method === 'POST';
  const entity = route === 'owner' && roll() < 0.5 ? 'l' : 'n';
  const id = `${write ? 'w' : 'r'}${name}`;
  const body = wish.body ?? (method === 'POST' ? bodyOf(id, between(roll, 1, 4_000)) : null);
  const share = wish.faults ?? 0.3;
  return {
    id,
    kind: wish.kind,
    route,
    method,
    target: route.startsWith('soap') ? '/soap/OrderService' : `/${route}/${entity}${id}`,
    customer: `c${between(roll, 1, 1_000)}`,
    scripts: { legacy: scriptOf(roll, share / 3, wish), orders: scriptOf(roll, share, wish) },
    body,
    chunked: wish.chunked ?? (body !== null && roll() < 0.3),
    fields: wish.fields ?? {},
    write,
  };
}

export const bodyOf = (id: string, bytes: number): Buffer => Buffer.from(textOf('caller', id, bytes));

const LITTLE = 900;

function scriptOf(roll: Roll, share: number, { shape, size }: Wish): Script {
  const fault = roll() < share ? pick(roll, FAULTS) : 'none';
  // What follows an answer that is over must come with it, so that it cannot be somebody else's.
  const small = fault === 'short' || fault === 'two';
  return {
    fault,
    shape:
      shape ?? (small ? 'sized' : pick(roll, ['sized', 'sized', 'chunked', 'chunked', 'drip', 'closing', 'empty'])),
    size: small ? between(roll, 1, LITTLE) : (size ?? pick(roll, [0, 1, between(roll, 2, 2_000), 70_000])),
    delay: between(roll, 0, 15),
    at: roll(),
  };
}

/** Head and body as they stand on the wire. */
export function wireOf(asked: Asked): { readonly head: string; readonly body: Buffer } {
  const { method, target, id, customer, scripts, body, chunked, fields } = asked;
  const all: Record<string, string> = {
    host: 'soak.example',
    'x-request-id': id,
    'x-soak-id': id,
    'x-customer': customer,
    'x-soak-legacy': textOfScript(scripts.legacy),
    'x-soak-orders': textOfScript(scripts.orders),
    ...fields,
  };
  if (body !== null && chunked) all['transfer-encoding'] = 'chunked';
  if (body !== null && !chunked) all['content-length'] = String(body.length);
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const whole = body === null ? Buffer.alloc(0) : chunked ? chunksOf(body) : body;
  return { head: `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, body: whole };
}

export const textOfScript = (script: Script): string =>
  new URLSearchParams(Object.entries(script).map(([key, value]): [string, string] => [key, String(value)])).toString();

const CHUNK_BYTES = 9_000;

function chunksOf(body: Buffer): Buffer {
  const parts: (string | Buffer)[] = [];
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    const part = body.subarray(at, at + CHUNK_BYTES);
    parts.push(`${part.length.toString(16)}\r\n`, part, '\r\n');
  }
  return Buffer.concat([...parts, '0\r\n\r\n'].map((part) => Buffer.from(part)));
}
