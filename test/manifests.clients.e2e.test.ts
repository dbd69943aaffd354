/**
 * Values that are hard to carry, through the facade and back, as four stacks of clients send and read them: nothing is lost, rounded or
 * reordered, whoever serves the operation. What a client cannot hold by itself is read from the bytes.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultOf, fieldsOf, listOf, textOf, valueOf, type Fields } from './support/calls.ts';
import { openFacade, type Facade } from './support/facade.ts';
import { all, ATTRIBUTES, canonical, manifestOf, MANIFESTS, read, type Manifest } from './support/manifests.ts';
import { folder, openRest, openSoap, PATH, routes, type Keeping } from './support/manifestservers.ts';
import { record, type Recorder } from './support/recorder.ts';
import { judge, lacksJudge } from './support/schema.ts';
import { lacks, leftOut, openClient, versionsOf, type Client, type Said, type Stack } from './support/stacks.ts';

const stacks: readonly Stack[] = ['zeep', 'suds', 'cxf', 'node-soap'];

let soap: Keeping;
let rest: Keeping;
let recorder: Recorder;
let facade: Facade;

/** Where the operations are served: by the SOAP server, or by the REST service through the bridge. */
const STAGES = ['legacy', 'new'] as const;

const table = (stage: string): string => `version: 1
publicUrl: ${recorder.url}
upstreams: { legacy: "${soap.url}", manifests: "${rest.url}" }
default: legacy
wsdls:
  ${PATH}: { file: "${folder}/ManifestService.wsdl" }
${routes(stage)}`;

beforeAll(async () => {
  [soap, rest] = [await openSoap(), await openRest()];
  recorder = await record(() => facade.url);
  facade = await openFacade(table('held'));
});

afterAll(async () => {
  await facade?.close();
  for (const server of [recorder, soap, rest]) await server?.close();
});

/** A manifest as a client understood it, in one spelling. */
function understood(fields: Fields): Manifest {
  const scalar = (name: string): string => textOf(fields[name]);
  const optional = (name: string): string | null =>
    fields[name] === null || fields[name] === undefined ? null : scalar(name);
  const [origin, note] = [optional('origin'), optional('note')];
  return canonical({
    revision: scalar('revision'),
    ...(origin === null ? {} : { origin }),
    manifestId: scalar('manifestId'),
    weight: scalar('weight'),
    serial: scalar('serial'),
    loadedAt: scalar('loadedAt'),
    plannedAt: scalar('plannedAt'),
    day: scalar('day'),
    sealed: scalar('sealed'),
    remark: optional('remark'),
    limit: optional('limit'),
    ...(note === null ? {} : { note }),
    seal: listOf(fields['seal']).map(textOf),
    line: listOf(fields['line'])
      .map(fieldsOf)
      .map(({ unit, position, quantity }) => ({
        unit: textOf(unit),
        position: textOf(position),
        quantity: textOf(quantity),
      })),
  });
}

/** What a stack can know of it: Python's dates have no zone. */
const knowable = (stack: Stack, manifest: Manifest): Manifest =>
  stack === 'zeep' || stack === 'suds'
    ? canonical({ ...manifest, day: manifest.day.slice(0, 10) })
    : canonical(manifest);

/** As a client is given it: attributes and elements by name, in the schema's order; lists without items are absent. */
const given = ({ seal, line, ...others }: Manifest): Record<string, unknown> => ({
  ...others,
  ...(seal.length === 0 ? {} : { seal }),
  ...(line.length === 0 ? {} : { line }),
});

/** The manifests in the last answer, from its bytes. */
const sentLast = (): readonly Manifest[] =>
  all(read(recorder.seen.at(-1)?.answer.toString() ?? ''), 'manifest').map((node) => canonical(manifestOf(node)));

for (const stage of STAGES) {
  describe(`at ${stage}`, () => {
    const keeper = (): Keeping => (stage === 'legacy' ? soap : rest);
    beforeAll(() => facade.turn(table(stage)));

    for (const name of stacks) {
      describe.skipIf(leftOut(`manifests.clients.e2e.test.ts: ${name}`, lacks(name)))(`with ${name}`, () => {
        let client: Client;
        beforeAll(() => {
          client = openClient(name);
        });
        afterAll(() => client?.close());

        describe.each(versionsOf[name])('in SOAP %s', (version) => {
          const ask = (operation: string, input: Record<string, unknown>): Promise<Said> =>
            client.call({
              wsdl: `${recorder.url}${PATH}?wsdl`,
              service: 'ManifestService',
              port: `ManifestServiceSoap${version}`,
              operation,
              input,
              attributes: ATTRIBUTES,
            });

          test.each(MANIFESTS.map((manifest) => [manifest.manifestId, manifest] as const))(
            '%s is read as it is',
            async (manifestId, truth) => {
              const { manifest } = valueOf(await ask('GetManifest', { manifestId }));
              expect(sentLast()).toEqual([canonical(truth)]);
              expect(understood(fieldsOf(manifest))).toEqual(knowable(name, truth));
            },
          );

          test.each([0, 1, 3])('a list of %s is a list', async (count) => {
            const { manifest, totalCount } = valueOf(await ask('ListManifests', { count: String(count) }));
            const truth = MANIFESTS.slice(0, count);
            expect(sentLast()).toEqual(truth.map(canonical));
            expect(totalCount).toBe('3');
            expect(listOf(manifest).map(fieldsOf).map(understood)).toEqual(truth.map((one) => knowable(name, one)));
          });

          test.each(MANIFESTS.map((manifest) => [manifest.manifestId, manifest] as const))(
            '%s is stored as it is',
            async (id, manifest) => {
              const own = { ...manifest, manifestId: `${id} of ${name} ${version}` };
              const said = valueOf(await ask('StoreManifest', { manifest: given(own) }));
              const kept = keeper().manifests.get(own.manifestId);
              expect(kept === undefined ? null : canonical(kept)).toEqual(canonical(own));
              expect(understood(fieldsOf(said['manifest']))).toEqual(knowable(name, own));
              expect(sentLast()).toEqual([canonical(own)]);
            },
          );

          test('faults are those that the WSDL declares', async () => {
            const manifestId = 'M-99 & more';
            expect(faultOf(await ask('GetManifest', { manifestId }))).toEqual({
              name: 'ManifestNotFound',
              fields: { manifestId, message: 'There is no such manifest.' },
            });
            const [manifest] = MANIFESTS;
            if (manifest === undefined) throw new Error('there are three');
            expect(faultOf(await ask('StoreManifest', { manifest: given({ ...manifest, weight: '-1' }) }))).toEqual({
              name: 'InvalidManifest',
              fields: { message: 'A manifest weighs something.' },
            });
          });

          test('what has no answer is taken, with none', async () => {
            const departedAt = '2026-03-02T08:30:00.125+02:00';
            const manifestId = `${name} ${version}`;
            expect(await ask('NoteDeparture', { manifestId, departedAt })).toEqual({ kind: 'answer', value: null });
            expect(recorder.seen.at(-1)).toMatchObject({ status: 202, answer: Buffer.alloc(0) });
            expect(keeper().departures.map(canonical).at(-1)).toBe(`${manifestId} ${departedAt}`);
          });
        });
      });
    }

    test.skipIf(leftOut('manifests.clients.e2e.test.ts: schemas', lacksJudge()))(
      'all answers are valid by the WSDL’s schema',
      () => {
        const answers = recorder.seen
          .filter(({ method, status }) => method === 'POST' && status !== 202)
          .map(({ answer }) => answer);
        expect(answers.length).toBeGreaterThan(20);
        expect(judge(join(folder, 'manifests.xsd'), answers)).toEqual(answers.map(() => []));
        recorder.seen.length = 0;
      },
    );
  });
}
