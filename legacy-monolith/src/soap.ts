/**
 * The SOAP face: `/soap/OrderService` and `/soap/VoyageService`, in both versions of SOAP, with their WSDL. Body limit,
 * character set and content type are fastify's and ours; the message itself is node-soap's (`node-soap.ts`).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { codeOf, statusOf } from './errors.ts';
import { faultMessage, type Fault, type SoapVersion } from './core/messages.ts';
import { isUnreachable, unknownPath, type Desk } from './rest.ts';
import { located, readDocuments, wsdlFile, type Documents } from './wsdl.ts';
import { openService, type Answer, type Operation } from './node-soap.ts';
import { orderOperations, voyageOperations } from './operations.ts';
import { decodeXml } from './charset.ts';

/** What the SOAP face needs beside the desk. */
export interface SoapOptions extends Desk {
  /** Where clients reach ReeferDesk, without a trailing slash; asked at each WSDL, since a port may not be known before. */
  readonly publicUrl: () => string;
}

const TYPES: Readonly<Record<SoapVersion, string>> = { '1.1': 'text/xml', '1.2': 'application/soap+xml' };

/** Adds the routes, in a context of their own. */
export async function soap(app: FastifyInstance, options: SoapOptions): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(Object.values(TYPES), { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => failed(error, request, reply));
  await service(app, options, 'OrderService', orderOperations(options.pool));
  await service(app, options, 'VoyageService', voyageOperations(options.pool));
}

function versionOf(request: FastifyRequest): SoapVersion {
  return /^\s*application\/soap\+xml/i.test(request.headers['content-type'] ?? '') ? '1.2' : '1.1';
}

function send(reply: FastifyReply, version: SoapVersion, status: number, xml: string): FastifyReply {
  return reply.code(status).type(`${TYPES[version]}; charset=utf-8`).send(xml);
}

function refuse(request: FastifyRequest, reply: FastifyReply, status: number, fault: Fault): FastifyReply {
  const version = versionOf(request);
  return send(reply, version, status, faultMessage(version, fault));
}

const client = (reason: string): Fault => ({ code: 'client', reason, detail: null });
const server = (reason: string): Fault => ({ code: 'server', reason, detail: null });

async function service(
  app: FastifyInstance,
  options: SoapOptions,
  name: string,
  operations: Readonly<Record<string, Operation>>,
): Promise<void> {
  const path = `/soap/${name}`;
  const documents = await readDocuments(name);
  const open = (version: SoapVersion): Promise<Answer> =>
    openService(version, {
      wsdlFile: wsdlFile(name),
      name,
      path,
      operations,
      onError: (error) => internal(app, error),
    });
  const answers: Readonly<Record<SoapVersion, Answer>> = { '1.1': await open('1.1'), '1.2': await open('1.2') };

  app.get<{ Querystring: Record<string, unknown> }>(path, async ({ query }, reply) => {
    const text = documentOf(documents, query);
    if (text === null) return unknownPath(options, reply);
    return reply.type('text/xml; charset=utf-8').send(located(text, options.publicUrl() + path));
  });

  app.post<{ Body: Buffer | undefined }>(path, async (request, reply) => {
    const { headers, body } = request;
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity')
      return refuse(request, reply, 415, client(`Unsupported content encoding: ${encoding}`));
    const xml = decodeXml(body ?? Buffer.alloc(0), headers['content-type'] ?? '');
    if (xml === null) return refuse(request, reply, 415, client('Unsupported or broken character encoding'));
    const version = versionOf(request);
    const action = headers['soapaction'];
    const answer = await answers[version](xml, typeof action === 'string' ? action : undefined);
    return send(reply, version, answer.status, answer.xml);
  });
}

/** `?wsdl` with any value and in any case, `?xsd=<file>`; null for anything else. */
function documentOf(documents: Documents, query: Readonly<Record<string, unknown>>): string | null {
  for (const [name, value] of Object.entries(query)) {
    if (name.toLowerCase() === 'wsdl') return documents.wsdl;
    if (name.toLowerCase() === 'xsd') return typeof value === 'string' ? (documents.schemas.get(value) ?? null) : null;
  }
  return null;
}

function internal(app: FastifyInstance, error: unknown): Fault {
  app.log.error({ err: error }, 'operation failed');
  return server(isUnreachable(error) ? 'Database unavailable' : 'Internal error');
}

function failed(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  switch (codeOf(error)) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse(
        request,
        reply,
        415,
        client(`Unsupported media type: ${request.headers['content-type'] || 'none'}`),
      );
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse(request, reply, 413, client('Message too large'));
    default: {
      const status = statusOf(error);
      if (status !== null && status < 500) return refuse(request, reply, status, client('Bad request'));
      request.log.error({ err: error }, 'request failed');
      return refuse(request, reply, 500, server('Internal error'));
    }
  }
}
