/**
 * Messages that are signed by WS-Security (with xmlsec, through zeep) verify behind the facade as they would before it: at legacy and at
 * a SOAP-speaking new side, whatever their size, charset and coding. What has been changed in between does not.
 */
import { spawnSync } from 'node:child_process';
import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from './support/example.ts';
import { openFacade, type Facade } from './support/facade.ts';
import { run, type Running } from './support/processes.ts';
import { lacksPython, leftOut, openClient, python, type Client } from './support/stacks.ts';

const programs = join(root, 'test/clients/signing');
const folder = join(root, 'legacy-monolith/wsdl');
const PATH = '/soap/VoyageService';
const VOYAGES = 'http://reeferdesk.example/voyages/v1';
const SOAP11 = 'http://schemas.xmlsoap.org/soap/envelope/';
const SOAP12 = 'http://www.w3.org/2003/05/soap-envelope';

const message = (voyageId: string, namespace = SOAP11): string =>
  `<s:Envelope xmlns:s="${namespace}"><s:Header/><s:Body><v:GetVoyage xmlns:v="${VOYAGES}"><v:voyageId>${voyageId}</v:voyageId></v:GetVoyage></s:Body></s:Envelope>`;

interface Sent {
  readonly text: string;
  readonly encoding: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly pack?: (bytes: Buffer) => Buffer;
}

const XML = { 'content-type': 'text/xml; charset=utf-8' };
const plain: Sent = { text: message('Señora 42'), encoding: 'utf-8', headers: XML };
const messages: readonly (readonly [string, Sent])[] = [
  ['in UTF-8', plain],
  [
    'in SOAP 1.2',
    {
      ...plain,
      text: message('Señora 42', SOAP12),
      headers: { 'content-type': 'application/soap+xml; charset=utf-8' },
    },
  ],
  ['of 200 KB, which streams', { ...plain, text: message('ñ42 '.repeat(40_000)) }],
  ['in gzip', { ...plain, headers: { ...XML, 'content-encoding': 'gzip' }, pack: gzipSync }],
  [
    'of 200 KB in gzip',
    { ...plain, text: message('ñ42 '.repeat(40_000)), headers: { ...XML, 'content-encoding': 'gzip' }, pack: gzipSync },
  ],
  ['in UTF-16', { ...plain, encoding: 'utf-16', headers: { 'content-type': 'text/xml; charset=utf-16' } }],
  ['in ISO-8859-1', { ...plain, encoding: 'iso-8859-1', headers: { 'content-type': 'text/xml' } }],
];

/** Changes that leave the message good, and only the signature broken. */
const changes: readonly (readonly [string, (text: string) => string])[] = [
  ['a digit', (text) => text.replace('42</', '43</')],
  ['white space in the body', (text) => text.replace('<v:voyageId>', ' <v:voyageId>')],
  ['a comment in its place, and its text in another', (text) => text.replace('Señora', 'Se<!-- ñ -->ora')],
];

const lacking = lacksPython(['xmlsec', 'zeep']);

describe.skipIf(leftOut('signature.clients.e2e.test.ts', lacking))('a signed message', () => {
  let keys: string;
  let sides: readonly Running[] = [];
  let facade: Facade;
  let client: Client;

  const keyFiles = (): [string, string] => [join(keys, 'key.pem'), join(keys, 'certificate.pem')];
  const table = (urls: readonly (string | undefined)[], stage: string, check: string): string => `version: 1
upstreams: { legacy: "${urls[0]}", voyages: "${urls[1]}" }
default: legacy
wsdls:
  ${PATH}: { file: "${folder}/VoyageService.wsdl", check: ${check} }
routes:
  voyage-get: { match: SOAP ${PATH} GetVoyage, effect: read, stage: ${stage}, new: voyages }
`;
  let urls: readonly string[] = [];

  beforeAll(async () => {
    if (lacking !== null) throw new Error(lacking);
    keys = await mkdtemp(join(tmpdir(), 'banyan-keys-'));
    const [key, certificate] = keyFiles();
    const subject = ['-subj', '/CN=signer', '-days', '2'];
    const made = spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      ...subject,
      '-keyout',
      key,
      '-out',
      certificate,
    ]);
    if (made.status !== 0) throw new Error(`openssl made no key: ${String(made.stderr)}`);
    sides = [0, 1].map(() => run(python, [join(programs, 'service.py'), key, certificate, folder]));
    const ready = await Promise.all(sides.map((side) => side.line(/^ready \d+$/)));
    urls = ready.map((line) => `http://127.0.0.1:${line.slice('ready '.length)}`);
    facade = await openFacade(table(urls, 'held', 'whole'));
    client = openClient('zeep');
  });

  afterAll(async () => {
    await client?.close();
    await facade?.close();
    await Promise.all(sides.map((side) => side.stop()));
    await rm(keys, { recursive: true, force: true });
  });

  function signed({ text, encoding }: Sent): Buffer {
    const input = `${JSON.stringify({ message: text, encoding })}\n`;
    const { stdout, stderr } = spawnSync(python, [join(programs, 'sign.py'), ...keyFiles()], {
      input,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    if (stdout === '') throw new Error(stderr);
    return Buffer.from(JSON.parse(stdout) as string, 'base64');
  }

  /** Sends the bytes, whole or in chunks; the side that answered, and whether the signature verified there. */
  async function send(bytes: Buffer, headers: Sent['headers'], chunked = false): Promise<readonly unknown[]> {
    const framing = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes.length };
    const outgoing = request(facade.url + PATH, { method: 'POST', headers: { ...headers, ...framing }, agent: false });
    outgoing.end(bytes);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const text = Buffer.concat(await incoming.toArray()).toString();
    const because = /the signature does not verify|the body is not signed|GW_\w+/.exec(text)?.[0] ?? 'verified';
    return [incoming.headers['banyan-served-by'], incoming.statusCode, because];
  }

  describe.each([
    ['legacy', 'legacy', 'whole'],
    ['new', 'new', 'whole'],
    ['new', 'new', 'operation'],
  ] as const)('at %s (stage %s, check: %s)', (side, stage, check) => {
    beforeAll(() => facade.turn(table(urls, stage, check)));

    test.each(messages)('%s verifies, in one piece or in chunks', async (_what, sent) => {
      const bytes = (sent.pack ?? ((all) => all))(signed(sent));
      for (const chunked of [false, true])
        expect(await send(bytes, sent.headers, chunked)).toEqual([side, 200, 'verified']);
    });

    test.each(changes)('does not verify once somebody has changed %s', async (_what, change) => {
      const before = signed(plain).toString();
      const after = change(before);
      expect(after).not.toBe(before);
      expect(await send(Buffer.from(after), XML)).toEqual([side, 500, 'the signature does not verify']);
    });

    test.each(['11', '12'])('is understood, and its answer verifies, where zeep signs (SOAP %s)', async (version) => {
      const [key, certificate] = keyFiles();
      const said = await client.call({
        wsdl: `${facade.url}${PATH}?wsdl`,
        service: 'VoyageService',
        port: `VoyageServiceSoap${version}`,
        operation: 'GetVoyage',
        input: { voyageId: 'V-00001' },
        key,
        certificate,
      });
      expect(said).toMatchObject({ kind: 'answer', value: { voyage: { vessel: 'Nuestra Señora del Frío' } } });
    });
  });
});
