/**
 * The grammar of `routing.yaml`: every key that the file can have, its type and its limits, as one zod schema. The JSON Schema
 * that editors use is generated from it (`banyan schema`), so that the two cannot disagree. What keys mean together (does this
 * upstream exist?) is `resolve.ts`; which of them this version can act on is `support.ts`.
 */
import { z } from 'zod';
import { NAMED } from '../core/soap/words.ts';
import { STAGES } from '../core/stage.ts';
import type { File } from './shape.ts';

/** Names of upstreams, routes, read models and differences: they appear in headers, metrics and fences. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const DURATION = /^\d{1,9}(ms|s|m|h|d)$/;
const PERCENT = /^(100(\.0{1,4})?|\d{1,2}(\.\d{1,4})?)\s?%$/;
const SIZE = /^\d{1,9}(B|KiB|MiB|GiB)$/;
const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
// A field name of RFC 9110 without the characters that no header in use has.
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

const name = z.string().regex(NAME, 'expected a name of letters, digits, "-" and "_"');
const duration = z.string().regex(DURATION, 'expected a duration with its unit, such as 50ms, 5s or 15m');
const percent = z.string().regex(PERCENT, 'expected a percentage from 0% to 100%, such as 50%');
const size = z.string().regex(SIZE, 'expected a size with its unit, such as 64KiB or 1MiB');
const text = z.string().min(1, 'expected some text').max(1000, 'expected at most 1000 characters');
const headerName = z.string().regex(HEADER, 'expected the name of a header');
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]{0,4096}$/, 'expected one line of printable characters');
// Numbers also as digits in quotes: that is what `${NAME}` leaves.
const count = (max: number): z.ZodType<number | string> =>
  z.union([
    z.int().min(1).max(max),
    z
      .string()
      .regex(/^[1-9]\d{0,8}$/, { error: `expected a number from 1 to ${max}`, abort: true })
      .refine((digits) => Number(digits) <= max, `expected a number from 1 to ${max}`),
  ]);
const url = z
  .string()
  .regex(/^https?:\/\/[^\s/?#@]+\/?$/, {
    error: 'expected an origin such as http://127.0.0.1:8081, without path and credentials',
    abort: true,
  })
  .refine((origin) => URL.canParse(origin), 'expected a host and a port up to 65535');
const address = z
  .string()
  .regex(/^https?:\/\/[^\s?#@]+$/, { error: 'expected a URL such as https://api.example.com/base', abort: true })
  .refine((whole) => URL.canParse(whole), 'expected a host and a port up to 65535');

const upstream = z.strictObject({
  url: z.union([url, z.array(url).min(1).max(64)]),
  timeout: z
    .strictObject({
      connect: duration.optional(),
      headers: duration.optional(),
      body: duration.optional(),
      total: duration.optional(),
    })
    .optional(),
  connections: count(10_000).optional(),
  health: z
    .strictObject({
      path: z.string().regex(/^\/[\x21-\x7e]{0,2000}$/, 'expected a path without blanks, such as /readyz'),
      every: duration.optional(),
      fall: count(100).optional(),
      rise: count(100).optional(),
    })
    .optional(),
  breaker: z
    .strictObject({
      errors: percent.optional(),
      volume: count(1_000_000).optional(),
      window: duration.optional(),
      reset: duration.optional(),
    })
    .optional(),
  spare: z.strictObject({ rate: count(1_000_000).optional(), share: percent.optional() }).optional(),
  host: z
    .string()
    .regex(
      /^(caller|own|[A-Za-z0-9.-]{1,253}(:\d{1,5})?)$/,
      'expected caller, own, or a host such as api.example.com:8443',
    )
    .refine((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 1) <= 65_535, 'expected a port up to 65535')
    .optional(),
  rewrite: z.array(z.enum(['location', 'cookies'])).optional(),
});

const success = z.string().regex(/^2\d\d$/, 'expected a status of success, such as 200');
const failure = z.string().regex(/^[345]\d\d$/, 'expected a status of an error, such as 404');
const jsonPath = z.string().min(1).max(500);
const restTarget = z.union([
  z.string().regex(/^[A-Z]+ \/\S*$/, 'expected "METHOD /path", such as "GET /api/orders/{orderId}"'),
  z.strictObject({
    method: z.string().regex(/^[A-Z]+$/, 'expected a method in capitals, such as GET'),
    path: z.string().startsWith('/', 'expected a path that starts with "/"').max(2000),
    query: z.record(z.string().min(1).max(200), jsonPath).optional(),
    body: jsonPath.optional(),
    headers: z.record(headerName, jsonPath).optional(),
    drop: z.array(z.string().min(1).max(200)).max(100).optional(),
  }),
]);
const faultTarget = z.union([
  z.string().min(1).max(200),
  z.strictObject({
    code: z.enum(['Client', 'Server']).optional(),
    detail: z.string().min(1).max(200).optional(),
    map: z.record(z.string(), jsonPath).optional(),
  }),
]);
const typeField = z.string().regex(/^[^\s.]+\.[^\s.]+$/, 'expected Type.field, such as Order.voyageId');
const conversion = z.union([z.enum(NAMED), z.record(z.string(), z.string())]);

const successor = z.union([
  name,
  z.strictObject({
    upstream: name,
    path: z.string().startsWith('/').optional(),
    headers: z.record(headerName, headerValue).optional(),
    rest: restTarget.optional(),
    response: z.union([z.string().min(1), z.record(success, z.record(z.string(), jsonPath))]).optional(),
    rename: z.record(typeField, jsonPath).optional(),
    values: z.record(z.string().min(1).max(200), conversion).optional(),
    faults: z.record(failure, faultTarget).optional(),
  }),
]);

const sticky = z
  .string()
  .regex(
    /^(header:[A-Za-z0-9-]+|cookie:[^\s;,=]+|claim:[^\s]+|param:\w+|soap:\/\S+|ip)$/,
    'expected header:NAME, cookie:NAME, claim:NAME, param:NAME, soap:/PATH or ip',
  );

const route = z.strictObject({
  match: z.string().min(1).max(2000),
  stage: z
    .string()
    .regex(
      new RegExp(`^(${STAGES.join('|')})(\\s+\\d{1,3}(\\.\\d{1,4})?\\s?%)?$`),
      `expected a stage: ${STAGES.join(', ')} (canary and shadow with a percentage)`,
    ),
  new: successor.optional(),
  effect: z.enum(['read', 'write']).optional(),
  fallback: z.enum(['never', 'reads']).optional(),
  gone: text.optional(),
  sticky: z.array(sticky).min(1).max(8).optional(),
  when: z
    .strictObject({
      header: z.record(headerName, headerValue).optional(),
      cookie: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  cohort: name.optional(),
  fresh: z
    .strictObject({
      readModel: name,
      wait: duration.optional(),
      maxLag: duration.optional(),
      strict: z.boolean().optional(),
    })
    .optional(),
  writes: z.union([name, z.array(name).min(1).max(16)]).optional(),
  owner: z.strictObject({ param: z.string().min(1), legacy: z.string().min(1).max(200) }).optional(),
  exclusive: z.boolean().optional(),
  parity: z
    .strictObject({
      sample: percent.optional(),
      noise: percent.optional(),
      confidence: percent.optional(),
      redact: z.array(jsonPath).max(100).optional(),
      headers: z.array(headerName).max(50).optional(),
      budget: z.strictObject({ time: duration.optional(), size: size.optional() }).optional(),
    })
    .optional(),
  guard: z
    .strictObject({
      errors: z.string().optional(),
      p99: z.string().optional(),
      parity: percent.optional(),
      window: duration.optional(),
    })
    .optional(),
  promote: z
    .strictObject({
      steps: z.array(z.string()).min(1).max(50),
      hold: duration.optional(),
      confidence: percent.optional(),
    })
    .optional(),
});

const difference = z.strictObject({
  routes: z.array(name).min(1).max(500),
  at: z.string().min(1).max(500),
  allow: z.string().min(1).max(500),
  zone: z.string().min(1).max(64).optional(),
  why: text,
  owner: text,
  until: z.string().regex(DAY, 'expected a day such as 2027-06-30'),
});

const wsdl = z.strictObject({
  file: z.string().min(1).optional(),
  check: z.enum(['whole', 'operation']).optional(),
  actionMismatch: z.enum(['refuse', 'body-wins']).optional(),
  unclassified: z.enum(['refuse', 'default']).optional(),
});

/** The whole file. Keys that may be absent have the defaults of `resolve.ts`. */
export const file: z.ZodType<File> = z.strictObject({
  version: z.literal(1, 'expected 1: the only version of this file there is'),
  upstreams: z.record(name, z.union([url, upstream])),
  default: z.union([name, z.strictObject({ upstream: name, writes: z.array(name).max(64).optional() })]),
  readModels: z
    .record(
      name,
      z.strictObject({
        upstream: name,
        watermark: z.union([address, z.strictObject({ legacy: address, new: address })]).optional(),
      }),
    )
    .optional(),
  wsdls: z.record(z.string().startsWith('/', 'expected a path that starts with "/"'), wsdl).optional(),
  routes: z.record(name, route).optional(),
  differences: z.record(name, difference).optional(),
  publicUrl: address.optional(),
  trustProxy: z.union([z.boolean(), z.array(z.string().min(1)).max(100)]).optional(),
  overrides: z
    .strictObject({
      secret: z
        .string()
        .min(16, { error: 'expected a secret of at least 16 characters', abort: true })
        .regex(/^[\x21-\x7e]{16,512}$/, 'expected a secret of printable ASCII without blanks'),
    })
    .optional(),
  replicas: z.array(address).max(100).optional(),
  forwarder: z.enum(['direct', 'http-proxy']).optional(),
  expose: z.boolean().optional(),
});

/** The JSON Schema (2020-12) of the file, for editors: published as `gateway/routing.schema.json`. */
export function jsonSchema(): object {
  return z.toJSONSchema(file, { target: 'draft-2020-12', io: 'input' });
}
