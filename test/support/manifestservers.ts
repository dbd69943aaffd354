/** The service of `manifests.ts` behind the facade: as a SOAP server with its WSDL, and as a REST service. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { root } from './example.ts';
import { behind, describing, type Behind } from './facade.ts';
import { all, escaped, manifestOf, MANIFESTS, NAMESPACE, read, toJson, toXml, type Manifest } from './manifests.ts';

export const folder: string = join(root, 'test/clients/wsdl');

/** Where the SOAP service is, at the facade as at its owner. */
export const PATH = '/soap/ManifestService';

/** Its operations as routes between the SOAP server (`legacy`) and the REST service (`manifests`), through a bridge. */
export const routes = (stage: string): string => `routes:
  get:
    match: SOAP ${PATH} GetManifest
    effect: read
    stage: ${stage}
    new:
      upstream: manifests
      rest: GET /manifests/{manifestId}
      response: manifest
      rename: { Manifest.@revision: revision, Manifest.@origin: origin, Line.@unit: unit }
      faults: { 404: { detail: ManifestNotFound, map: { message: $.detail } } }
  list:
    match: SOAP ${PATH} ListManifests
    effect: read
    stage: ${stage}
    new:
      upstream: manifests
      rest: GET /manifests
      response: { 200: { manifest: $.items, totalCount: $.total } }
      rename: { Manifest.@revision: revision, Manifest.@origin: origin, Line.@unit: unit }
  store:
    match: SOAP ${PATH} StoreManifest
    stage: ${stage}
    new:
      upstream: manifests
      rest: { method: POST, path: /manifests, body: $.manifest }
      response: manifest
      rename: { Manifest.@revision: revision, Manifest.@origin: origin, Line.@unit: unit }
      faults: { 422: { detail: InvalidManifest, map: { message: $.detail } } }
  note:
    match: SOAP ${PATH} NoteDeparture
    stage: ${stage}
    new: { upstream: manifests, rest: POST /departures }
`;

/** A server and what it was told to keep. */
export interface Keeping extends Behind {
  /** By id: the three of `manifests.ts`, and what was stored. */
  readonly manifests: Map<string, Manifest>;
  /** What was said of departures: `id time`. */
  readonly departures: string[];
}

async function keeping(
  answer: (kept: Omit<Keeping, 'url' | 'close'>, req: IncomingMessage, res: ServerResponse) => Promise<void>,
): Promise<Keeping> {
  const manifests = new Map(MANIFESTS.map((manifest) => [manifest.manifestId, manifest]));
  const kept = { manifests, departures: [] };
  const server = await behind((req, res) => {
    answer(kept, req, res).catch((error: unknown) => res.writeHead(500).end(String(error)));
  });
  return { ...kept, ...server };
}

const ENVELOPES: Readonly<Record<string, readonly [string, string]>> = {
  'http://schemas.xmlsoap.org/soap/envelope/': ['text/xml', 'Client'],
  'http://www.w3.org/2003/05/soap-envelope': ['application/soap+xml', 'Sender'],
};

/** Speaks SOAP of both versions, and serves its WSDL. */
export const openSoap = (): Promise<Keeping> =>
  keeping(async ({ manifests, departures }, req, res) => {
    if (await describing(folder, req, res)) return;
    const [envelope] = read(Buffer.concat(await req.toArray()).toString()).children;
    if (envelope === undefined) throw new Error('no envelope');
    const [media = '', client = ''] = ENVELOPES[envelope.namespace] ?? [];
    const operation = all(envelope, 'Body')[0]?.children[0];
    const say = (status: number, body: string): void => {
      const namespaces = `xmlns:e="${envelope.namespace}" xmlns:m="${NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`;
      res.writeHead(status, { 'content-type': `${media}; charset=utf-8` });
      res.end(`<?xml version="1.0" encoding="utf-8"?><e:Envelope ${namespaces}><e:Body>${body}</e:Body></e:Envelope>`);
    };
    const fail = (reason: string, detail: string): void =>
      say(
        500,
        client === 'Client'
          ? `<e:Fault><faultcode>e:Client</faultcode><faultstring>${reason}</faultstring><detail>${detail}</detail></e:Fault>`
          : `<e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code><e:Reason><e:Text xml:lang="en">${reason}</e:Text></e:Reason><e:Detail>${detail}</e:Detail></e:Fault>`,
      );
    const text = (name: string): string => operation?.children.find((child) => child.name === name)?.text ?? '';
    const answer = (name: string, content: string): void =>
      say(200, `<m:${name}Response>${content}</m:${name}Response>`);
    switch (operation?.name) {
      case 'GetManifest': {
        const manifest = manifests.get(text('manifestId'));
        if (manifest !== undefined) return answer('GetManifest', toXml('manifest', manifest));
        const detail = `<m:manifestId>${escaped(text('manifestId'))}</m:manifestId><m:message>${ABSENT}</m:message>`;
        return fail(ABSENT, `<m:ManifestNotFound>${detail}</m:ManifestNotFound>`);
      }
      case 'ListManifests': {
        const page = MANIFESTS.slice(0, Number(text('count'))).map((manifest) => toXml('manifest', manifest));
        return answer('ListManifests', `${page.join('')}<m:totalCount>${MANIFESTS.length}</m:totalCount>`);
      }
      case 'StoreManifest': {
        const manifest = all(operation, 'manifest').map(manifestOf)[0];
        if (manifest === undefined || manifest.weight.startsWith('-'))
          return fail(WEIGHTLESS, `<m:InvalidManifest><m:message>${WEIGHTLESS}</m:message></m:InvalidManifest>`);
        manifests.set(manifest.manifestId, manifest);
        return answer('StoreManifest', toXml('manifest', manifest));
      }
      case 'NoteDeparture':
        departures.push(`${text('manifestId')} ${text('departedAt')}`);
        return void res.writeHead(202).end();
      default:
        return fail('no such operation', '');
    }
  });

const ABSENT = 'There is no such manifest.';
const WEIGHTLESS = 'A manifest weighs something.';

/** Speaks JSON: `GET /manifests/:id`, `GET /manifests?count=`, `POST /manifests`, `POST /departures`; refusals are problems. */
export const openRest = (): Promise<Keeping> =>
  keeping(async ({ manifests, departures }, req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://a');
    const body = Buffer.concat(await req.toArray()).toString();
    const say = (status: number, text: string, type = 'application/json'): void => {
      res.writeHead(status, { 'content-type': type });
      res.end(text);
    };
    const refuse = (status: number, detail: string, more: Readonly<Record<string, string>> = {}): void =>
      say(
        status,
        JSON.stringify({ type: 'about:blank', title: 'No', status, detail, ...more }),
        'application/problem+json',
      );
    const id = decodeURIComponent(/^\/manifests\/([^/]+)$/.exec(pathname)?.[1] ?? '');
    if (req.method === 'GET' && id !== '') {
      const manifest = manifests.get(id);
      return manifest === undefined ? refuse(404, ABSENT, { manifestId: id }) : say(200, toJson(manifest));
    }
    if (req.method === 'GET' && pathname === '/manifests') {
      const page = MANIFESTS.slice(0, Number(searchParams.get('count')));
      return say(200, `{"items":${toJson(page)},"total":${MANIFESTS.length}}`);
    }
    if (req.method === 'POST' && pathname === '/manifests') {
      const manifest = fromJson(body);
      if (manifest.weight.startsWith('-')) return refuse(422, WEIGHTLESS);
      manifests.set(manifest.manifestId, manifest);
      return say(201, toJson(manifest));
    }
    if (req.method === 'POST' && pathname === '/departures') {
      const { manifestId, departedAt } = JSON.parse(body) as Record<string, string>;
      departures.push(`${manifestId} ${departedAt}`);
      return void res.writeHead(202).end();
    }
    return refuse(404, `There is no ${pathname}.`);
  });

/** Numbers and booleans become the texts that they are: quotes are put around them before JSON is read. */
function fromJson(text: string): Manifest {
  const quoted = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
  const {
    seal = [],
    line = [],
    ...rest
  } = JSON.parse(quoted) as Omit<Manifest, 'seal' | 'line'> & Partial<Pick<Manifest, 'seal' | 'line'>>;
  return { ...rest, seal, line };
}
