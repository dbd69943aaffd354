/**
 * A SOAP client of another stack (Python's zeep) against the facade: it reads the WSDL and its schemas there, calls operations in
 * SOAP 1.1 and 1.2, and takes a typed fault for one. Needs Python with zeep; `.ci/run` installs it and sets BANYAN_PYTHON.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePlace, READY, root, type Place } from './support/example.ts';
import { run, type Running } from './support/processes.ts';

const python = process.env['BANYAN_PYTHON'] ?? 'python3';
const absent = spawnSync(python, ['-c', 'import zeep'], { encoding: 'utf8' }).status !== 0;
const reason = `${python} has no zeep: pip install -r .ci/requirements.txt, and name the interpreter in BANYAN_PYTHON`;
// On the machine that decides, a test that cannot run has failed.
const skipped = absent && process.env['CI'] !== 'true';

interface Understood {
  readonly order: Readonly<Record<string, unknown>>;
  readonly fault: { readonly message: string; readonly detail: readonly string[] } | null;
  readonly listed: number;
  readonly of: number;
}

if (skipped) process.stderr.write(`zeep.python.test.ts is skipped: ${reason}\n`);

describe.skipIf(skipped)('zeep', () => {
  let place: Place;
  let stack: Running;
  let said: { Soap11: Understood; Soap12: Understood; served: readonly (readonly string[])[] };

  beforeAll(async () => {
    if (absent) throw new Error(reason);
    place = await makePlace(300);
    stack = place.start();
    await stack.line(READY, 120_000);
    const client = run(python, [join(root, 'test/support/zeep_calls.py'), `${place.facade}/soap/OrderService?wsdl`]);
    const code = await client.exited;
    if (code !== 0) throw new Error(`zeep ended with ${code}: ${client.output()}`);
    said = JSON.parse(client.output()) as typeof said;
  });

  afterAll(async () => {
    await stack?.stop();
    await place?.remove();
  });

  test.each(['Soap11', 'Soap12'] as const)(
    'reads an order, a list and a typed fault through the facade (%s)',
    async (binding) => {
      const { order, fault, listed, of } = said[binding];
      const direct = (await (await fetch(`${place.legacy}/api/orders/42`)).json()) as {
        total: number;
        status: string;
        items: unknown[];
        pickupAddress: { city: string };
        pickupDate: string;
      };
      expect(order).toMatchObject({
        orderId: '42',
        status: direct.status.toUpperCase(),
        items: direct.items.length,
        city: direct.pickupAddress.city,
      });
      expect(Number(order['total'])).toBe(direct.total);
      expect(order['pickupDate']).toContain(direct.pickupDate);
      expect(fault?.detail).toEqual(['{http://reeferdesk.example/orders/v1}OrderNotFound']);
      expect({ listed, of }).toEqual({ listed: 5, of: 300 });
    },
  );

  test('every request went to the facade, the schemas too, and each operation was told by its body', () => {
    expect(said.served.length).toBeGreaterThanOrEqual(8);
    for (const [, url, side] of said.served) expect([url?.startsWith(place.facade), side]).toEqual([true, 'legacy']);
    const routes = said.served.filter(([method]) => method === 'POST').map(([, , , route]) => route);
    expect(new Set(routes)).toEqual(new Set(['soap-get-order', 'soap-list-orders']));
  });
});
