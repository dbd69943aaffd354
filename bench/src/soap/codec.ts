/**
 * What the codec costs: an order and a list of fifty, written and read, by the example's own schema. In one process, without a
 * server: CPU time is wall time.
 */
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Exact, type Json } from '@banyan/gateway/core/json';
import { codecOf, type Codec } from '@banyan/gateway/core/soap/codec';
import { readLetter } from '@banyan/gateway/core/soap/letter';
import { LIMITS } from '@banyan/gateway/core/soap/limits';
import { loadService } from '@banyan/gateway/soap/wsdl';

/** One measurement: the median of the rounds, and the bytes of the document. */
export interface CodecFigure {
  readonly name: string;
  readonly microseconds: number;
  readonly bytes: number;
}

const NAMESPACE = 'http://reeferdesk.example/orders/v1';
const WSDL = fileURLToPath(new URL('../../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));
// Long enough for the compiler to have done what it does, and for a clock that counts in microseconds.
const WARM_UP_MS = 300;
const ROUND_MS = 100;

/** Measures for `rounds` rounds. */
export async function codecFigures(rounds: number): Promise<readonly CodecFigure[]> {
  const { schemas } = await loadService('/soap/OrderService', WSDL);
  const codec = (local: string): Codec => {
    const made = codecOf(schemas, { namespace: NAMESPACE, local });
    if (made.kind === 'unusable') throw new Error(made.because);
    return made.codec;
  };
  const [one, list] = [codec('GetOrderResponse'), codec('ListOrdersResponse')];
  const orders = Array.from({ length: 50 }, (_, index) => orderOf(index));
  const answers: readonly (readonly [string, Codec, Json])[] = [
    ['one order', one, new Map([['order', orderOf(42)]])],
    [
      'fifty orders',
      list,
      new Map<string, Json>([
        ['order', orders],
        ['totalCount', 1234],
      ]),
    ],
  ];
  return answers.flatMap(([what, own, value]) => {
    const xml = textOf(own, value);
    const bytes = Buffer.byteLength(xml);
    const message = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${xml}</s:Body></s:Envelope>`;
    const options = { limits: LIMITS, input: own, understood: new Set<string>() };
    return [
      { name: `encode ${what}`, microseconds: measured(() => textOf(own, value).length, rounds), bytes },
      {
        name: `decode ${what}`,
        microseconds: measured(() => (readLetter(message, options).kind === 'letter' ? 1 : 0), rounds),
        bytes,
      },
    ];
  });
}

function textOf(codec: Codec, value: Json): string {
  const made = codec.encode(value);
  if (made.kind === 'invalid') throw new Error(`${made.path}: ${made.because}`);
  return made.text;
}

/** Microseconds of one call: the median of the rounds. */
function measured(work: () => number, rounds: number): number {
  timed(work, WARM_UP_MS);
  const times = Array.from({ length: rounds }, () => timed(work, ROUND_MS)).toSorted((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? Number.NaN;
}

function timed(work: () => number, forMs: number): number {
  const start = performance.now();
  let calls = 0;
  let sum = 0; // Used, so that the work is not left out.
  for (let now = start; now - start < forMs; now = performance.now()) {
    for (let batch = 0; batch < 10; batch += 1) sum += work();
    calls += 10;
  }
  if (sum === 0) throw new Error('the work was not done');
  return ((performance.now() - start) * 1000) / calls;
}

const address = (city: string): Json =>
  new Map([
    ['street', 'Kanalstraße 7 & 9'],
    ['city', city],
    ['country', 'Germany'],
    ['zipcode', '20457'],
  ]);

/** As the new service answers: money as texts, absent members absent. */
function orderOf(index: number): Json {
  const items = Array.from(
    { length: 3 },
    (_, line): Json =>
      new Map<string, Json>([
        ['lineNo', line + 1],
        ['sku', `SKU-${index}-${line}`],
        ['description', 'Frozen mangoes, first quality'],
        ['quantity', 12],
        ['unitPrice', new Exact('201.65')],
      ]),
  );
  return new Map<string, Json>([
    ['orderId', String(1000 + index)],
    ['productId', 'P-17'],
    ['customerId', 'C-7'],
    ['quantity', 36],
    ['pickupAddress', address('Hamburg')],
    ['pickupDate', '2026-11-24T10:00:00'],
    ['destinationAddress', address('Los Angeles')],
    ['expectedDeliveryDate', '2026-12-24T10:00:00'],
    ['status', 'BOOKED'],
    ['voyageId', null],
    ['containerIds', ['C-1', 'C-2']],
    ['items', items],
    ['total', '605.00'],
    ['currency', 'EUR'],
    ['tags', ['urgent', null]],
    ['createdAt', '2026-11-20T08:15:30.123'],
    ['updatedAt', '2026-11-21T08:15:30.123'],
  ]);
}
