/**
 * Operations flipped from a SOAP server to a REST service behind the bridge and back, again and again, while real clients call them:
 * no call fails, and every answer is right.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf, textOf, valueOf } from './support/calls.ts';
import { openFacade, type Facade } from './support/facade.ts';
import { canonical, MANIFESTS } from './support/manifests.ts';
import { folder, openRest, openSoap, PATH, routes, type Keeping } from './support/manifestservers.ts';
import { lacks, leftOut, openClient, type Client, type Stack } from './support/stacks.ts';

// Long enough for dozens of flips; the full length is for `npm run prove`.
const LOAD_MS = process.env['BANYAN_PROVE'] === undefined ? 10_000 : 120_000;
const MANY_FLIPS = 10;

let soap: Keeping;
let rest: Keeping;
let facade: Facade;
let stage = 'legacy';

const table = (at: string): string => `version: 1
upstreams: { legacy: "${soap.url}", manifests: "${rest.url}" }
default: legacy
wsdls:
  ${PATH}: { file: "${folder}/ManifestService.wsdl" }
${routes(at)}`;

beforeAll(async () => {
  [soap, rest] = [await openSoap(), await openRest()];
  facade = await openFacade(table(stage));
});

afterAll(async () => {
  await facade?.close();
  for (const server of [soap, rest]) await server?.close();
});

const stacks: readonly Stack[] = ['zeep', 'node-soap'];

for (const stack of stacks) {
  describe.skipIf(leftOut(`flips.clients.e2e.test.ts: ${stack}`, lacks(stack)))(`under load of ${stack}`, () => {
    let clients: readonly Client[] = [];
    afterAll(async () => {
      await Promise.all(clients.map((client) => client.close()));
    });

    test('operations move to the bridge and back, and no call fails', { timeout: LOAD_MS + 60_000 }, async () => {
      clients = [openClient(stack), openClient(stack)];
      const until = performance.now() + LOAD_MS;
      const wrong: unknown[] = [];
      const done = clients.map(async (client, index) => {
        let calls = 0;
        for (; performance.now() < until || calls === 0; calls += 1) {
          const problem = await call(client, index, calls);
          if (problem !== null) wrong.push(problem);
        }
        return calls;
      });
      let flips = 0;
      for (; performance.now() < until; flips += 1) {
        stage = stage === 'new' ? 'legacy' : 'new';
        await facade.turn(table(stage));
      }
      const calls = await Promise.all(done);
      expect(wrong).toEqual([]);
      expect(flips).toBeGreaterThanOrEqual(MANY_FLIPS);
      for (const count of calls) expect(count).toBeGreaterThan(MANY_FLIPS);
      // Both were asked, as each keeps what it was told.
      const own = (server: Keeping): number => [...server.manifests.keys()].filter((id) => id.startsWith(stack)).length;
      const [bySoap, byRest] = [own(soap), own(rest)];
      expect([bySoap > 0, byRest > 0]).toEqual([true, true]);
      process.stdout.write(
        `${stack}: ${calls.join(' and ')} calls, ${flips} flips; stored by SOAP ${bySoap}, by REST ${byRest}\n`,
      );
    });
  });

  /** A read or a write, in turn; what is wrong with its answer, or null. */
  async function call(client: Client, index: number, turn: number): Promise<unknown> {
    const truth = MANIFESTS[turn % MANIFESTS.length];
    if (truth === undefined) return 'there are three';
    const writes = turn % 2 === 1;
    const manifestId = writes ? `${stack} ${index} ${turn}` : truth.manifestId;
    const version = turn % 4 < 2 ? '11' : '12';
    const { seal, line, ...others } = { ...truth, manifestId };
    const lists = { ...(seal.length === 0 ? {} : { seal }), ...(line.length === 0 ? {} : { line }) };
    try {
      const said = await client.call({
        wsdl: `${facade.url}${PATH}?wsdl`,
        service: 'ManifestService',
        port: `ManifestServiceSoap${version}`,
        operation: writes ? 'StoreManifest' : 'GetManifest',
        input: writes ? { manifest: { ...others, ...lists } } : { manifestId },
        attributes: ['revision', 'origin', 'unit'],
      });
      const { manifestId: id, weight, serial } = fieldsOf(valueOf(said)['manifest']);
      const got = canonical([textOf(id), textOf(weight), textOf(serial)]);
      const right = canonical([manifestId, truth.weight, truth.serial]);
      return got.join() === right.join() ? null : { got, right };
    } catch (error) {
      return String(error);
    }
  }
}
