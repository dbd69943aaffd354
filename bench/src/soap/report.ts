/** What the rounds of `bench soap` come to: a table for each size, and the gates. */
import type { Figures, Gate } from '../bench.ts';
import type { Samples } from '../facade/measure.ts';
import type { CodecFigure } from './codec.ts';
import { median, spread, table } from '../statistics.ts';

const TITLES: ReadonlyMap<string, string> = new Map([
  ['soap2k', 'a message of 2 KB'],
  ['soap200k', 'a message of 200 KB'],
  ['bridge', 'GetOrder, answered from a REST service through the bridge, and by node-soap itself'],
]);
const WHOLE_RATIO = 1;
const OPERATION_RATIO = 1.1;
const AIM_US = 1_000;
const BRIDGE_RATIO = 1;
const LIST_US = 1_000;

const SHOWN: ReadonlyMap<string, string> = new Map([
  ['bare', 'bare @fastify/http-proxy'],
  ['rest', 'facade, REST route'],
  ['operation', 'facade, SOAP, check: operation'],
  ['whole', 'facade, SOAP, check: whole'],
  ['bridged', 'facade, bridged to a REST service'],
  ['node-soap', "node-soap's own server"],
]);

export function report(samples: Samples, codec: readonly CodecFigure[], say: (line: string) => void): Figures {
  for (const [name, title] of TITLES) {
    if (!samples.has(name)) continue;
    say('');
    say(title);
    say(tableOf(samples, name));
  }
  if (codec.length > 0) {
    const rows = codec.map(({ name, microseconds, bytes }) => [name, microseconds.toFixed(1), String(bytes)]);
    say('');
    say(table([['codec', 'µs', 'bytes'], ...rows]));
  }
  say('');
  const large = samples.best('soap200k', 'whole') - samples.best('soap200k', 'rest');
  if (!Number.isNaN(large)) {
    const mark = large <= AIM_US ? 'aim reached    ' : 'aim not reached';
    say(
      `${mark} 200 KB checked whole: the check costs ${large.toFixed(0)} µs more than the forwarder; aim ${AIM_US} µs`,
    );
  }
  return {
    figures: { samples: samples.plain(), codec },
    gates: [...gatesOf(samples), ...codecGate(codec), noneFailed(samples)],
  };
}

function tableOf(samples: Samples, name: string): string {
  const head = [
    'proxy',
    'CPU µs/request best',
    'median (range)',
    'this/bare best',
    'req/s',
    'core busy',
    'core denied',
    'failed',
  ];
  const percent = (values: readonly number[]): string => `${(100 * median(values)).toFixed(0)} %`;
  const rows = samples.proxies(name).map((proxy) => [
    SHOWN.get(proxy) ?? proxy,
    samples.best(name, proxy).toFixed(1),
    spread(
      samples.of(name, proxy, ({ cpuUs }) => cpuUs),
      1,
    ),
    ratio(samples.best(name, proxy) / samples.best(name, 'bare')),
    median(samples.of(name, proxy, ({ perSecond }) => perSecond)).toFixed(0),
    percent(samples.of(name, proxy, ({ busy }) => busy)),
    percent(samples.of(name, proxy, ({ waited }) => waited)),
    String(failed(samples, name, proxy)),
  ]);
  return table([head, ...rows]);
}

function gatesOf(samples: Samples): readonly Gate[] {
  const gate = (
    name: string,
    contest: string,
    [ours, theirs]: readonly [string, string],
    most: number,
  ): readonly Gate[] => {
    if (!samples.has(contest)) return [];
    const ratio = samples.best(contest, ours) / samples.best(contest, theirs);
    return [{ name, value: `${ratio.toFixed(2)} ×`, met: ratio <= most }];
  };
  return [
    ...gate(
      `2 KB, operation found and message checked whole: best CPU per request at most ${WHOLE_RATIO} × bare's`,
      'soap2k',
      ['whole', 'bare'],
      WHOLE_RATIO,
    ),
    ...gate(
      `200 KB with check: operation: best CPU per request at most ${OPERATION_RATIO} × that of the forwarder without SOAP`,
      'soap200k',
      ['operation', 'rest'],
      OPERATION_RATIO,
    ),
    ...gate(
      "a bridged GetOrder: best CPU per request below that of node-soap's own server",
      'bridge',
      ['bridged', 'node-soap'],
      BRIDGE_RATIO,
    ),
  ];
}

function codecGate(codec: readonly CodecFigure[]): readonly Gate[] {
  const list = codec.find(({ name }) => name === 'encode fifty orders');
  if (list === undefined) return [];
  const value = `${list.microseconds.toFixed(0)} µs`;
  return [
    { name: `a list of fifty orders is encoded in less than ${LIST_US} µs`, value, met: list.microseconds < LIST_US },
  ];
}

const failed = (samples: Samples, name: string, proxy: string): number =>
  samples.of(name, proxy, ({ failures }) => failures).reduce((sum, count) => sum + count, 0);

function noneFailed(samples: Samples): Gate {
  const all = [...TITLES.keys()].flatMap((name) =>
    samples.proxies(name).flatMap((proxy) => {
      const count = failed(samples, name, proxy);
      return count === 0 ? [] : [`${count} of ${proxy} in ${name}`];
    }),
  );
  return { name: 'no request failed', value: all.length === 0 ? 'true' : all.join(', '), met: all.length === 0 };
}

/** Against a bare proxy, where there is one. */
const ratio = (value: number): string => (Number.isNaN(value) ? '' : value.toFixed(2));
