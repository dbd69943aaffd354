import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseTree, type Element } from '@banyan/gateway/core/soap/tree';
import { isBeside, isDescription, rewrite, type RewriteOptions } from '@banyan/gateway/soap/rewrite';

const options: RewriteOptions = {
  publicBase: 'https://api.example.com/base',
  servicePath: '/soap/OrderService',
  upstreamOrigins: ['http://127.0.0.1:8081'],
};
const SOAP = 'http://schemas.xmlsoap.org/wsdl/soap/';
const XMLNS =
  `xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="${SOAP}" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" ` +
  'xmlns:http="http://schemas.xmlsoap.org/wsdl/http/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"';
const definitions = (content: string): string => `<definitions ${XMLNS}>${content}</definitions>`;

function rewritten(text: string, more: Partial<RewriteOptions> = {}, contentType: string | null = 'text/xml'): string {
  const result = rewrite(Buffer.from(text), contentType, { ...options, ...more });
  if (result.kind === 'unchanged') throw new Error(result.because);
  return result.body.toString();
}

/** The location of one soap:address that said `location`. */
function address(location: string, more: Partial<RewriteOptions> = {}): string {
  const out = rewritten(definitions(`<soap:address location="${location}"/>`), more);
  return /soap:address location="([^"]*)"/.exec(out)?.[1] ?? '';
}

/** The location of one import of a schema, beside a port at the owner's. */
function imported(location: string, more: Partial<RewriteOptions> = {}): string {
  const out = rewritten(definitions(`<xsd:import schemaLocation="${location}"/>`), {
    target: '/soap/OrderService?wsdl',
    ...more,
  });
  return /schemaLocation="([^"]*)"/.exec(out)?.[1] ?? '';
}

describe('an address', () => {
  test.each([
    ['at the owner', 'http://127.0.0.1:8081/soap/OrderService', 'https://api.example.com/base/soap/OrderService'],
    [
      'at the owner under another name',
      'http://localhost:8081/soap/OrderService',
      'https://api.example.com/base/soap/OrderService',
    ],
    ['of another port of the WSDL', 'http://127.0.0.1:8081/soap/Other', 'https://api.example.com/base/soap/Other'],
    [
      'with a query',
      'http://127.0.0.1:8081/soap/Other?a=1&amp;b=2',
      'https://api.example.com/base/soap/Other?a=1&#38;b=2',
    ],
    ['without a path', 'http://127.0.0.1:8081', 'https://api.example.com/base/soap/OrderService'],
    [
      'of the service at a host that we do not know',
      'https://desk.internal:8443/soap/OrderService',
      'https://api.example.com/base/soap/OrderService',
    ],
    [
      'of the service with a slash at its end',
      'http://desk.internal/soap/OrderService/',
      'https://api.example.com/base/soap/OrderService/',
    ],
    ['in capitals', 'HTTP://127.0.0.1:8081/soap/OrderService', 'https://api.example.com/base/soap/OrderService'],
    [
      'with a user',
      'http://user:word@127.0.0.1:8081/soap/OrderService',
      'https://api.example.com/base/soap/OrderService',
    ],
    ['that is a placeholder', 'REPLACE_WITH_ACTUAL_URL', 'https://api.example.com/base/soap/OrderService'],
    ['that is empty', '', 'https://api.example.com/base/soap/OrderService'],
    ['that is a path', '/soap/Other', 'https://api.example.com/base/soap/Other'],
  ])("%s becomes the facade's", (_what, location, expected) => {
    expect(address(location)).toBe(expected);
  });

  test.each([
    ['of somebody else', 'https://partner.example.org/billing'],
    ['of another server on this machine', 'http://127.0.0.1:9999/other'],
    ['of the owner by another scheme', 'https://127.0.0.1:8081/other'],
    ['that is a queue', 'jms:queue:orders'],
  ])('%s stays', (_what, location) => {
    expect(address(location)).toBe(location);
  });

  test("that shares its host with the service is the owner's, whatever its scheme and port", () => {
    const out = rewritten(
      definitions(
        '<soap:address location="http://desk.internal/soap/OrderService"/><soap12:address location="https://desk.internal:8443/soap/Secure"/>' +
          '<http:address location="http://desk.internal/plain"/><soap:address location="http://else.internal/x"/>',
      ),
    );
    expect([...out.matchAll(/location="([^"]*)"/g)].map((match) => match[1])).toEqual([
      'https://api.example.com/base/soap/OrderService',
      'https://api.example.com/base/soap/Secure',
      'https://api.example.com/base/plain',
      'http://else.internal/x',
    ]);
  });

  test('is known by its namespace, not by its prefix', () => {
    const out = rewritten(
      `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="urn:mine"><x:address xmlns:x="${SOAP}" location='http://127.0.0.1:8081/a'/>` +
        `<soap:address location="http://127.0.0.1:8081/a"/><address xmlns="${SOAP}" soap:location="http://127.0.0.1:8081/a" location="http://127.0.0.1:8081/b"/></w:definitions>`,
    );
    expect(out).toContain(
      '<x:address xmlns:x="http://schemas.xmlsoap.org/wsdl/soap/" location=\'https://api.example.com/base/a\'/>',
    );
    expect(out).toContain('<soap:address location="http://127.0.0.1:8081/a"/>');
    expect(out).toContain('soap:location="http://127.0.0.1:8081/a" location="https://api.example.com/base/b"/>');
  });

  test('of an endpoint reference is its text', () => {
    const reference = (content: string): string =>
      `<a:EndpointReference xmlns:a="http://www.w3.org/2005/08/addressing"><a:Address>${content}</a:Address></a:EndpointReference>`;
    const facade = 'https://api.example.com/base/soap/OrderService';
    const own = 'http://127.0.0.1:8081/soap/OrderService';
    expect(rewritten(reference(`\n  ${own}\n `))).toBe(reference(`\n  ${facade}\n `));
    expect(rewritten(reference(`<![CDATA[${own}]]><!-- x -->`))).toBe(reference(facade));
    expect(rewritten(reference('http://www.w3.org/2005/08/addressing/anonymous'))).toBe(
      reference('http://www.w3.org/2005/08/addressing/anonymous'),
    );
    expect(rewritten(reference('<b/>'))).toBe(reference('<b/>'));
  });

  test('in quotes of either kind cannot break out of them', () => {
    const base = 'https://api.example.com/a\'b"c<d&e';
    const out = rewritten(
      definitions(
        `<soap:address location='http://127.0.0.1:8081/x'/><soap:address location="http://127.0.0.1:8081/x"/>`,
      ),
      { publicBase: base },
    );
    const tree = parseTree(out);
    expect(tree.kind === 'tree' && tree.root.children.map((child) => child.attributes.get('location'))).toEqual([
      `${base}/x`,
      `${base}/x`,
    ]);
  });
});

describe('an import', () => {
  test.each([
    ['beside', 'types.xsd'],
    ['below', 'schemas/types.xsd?version=1'],
    ['above, within the base', '../common/types.xsd'],
    ['by query', '?xsd=types.xsd'],
    ['by name and query', 'OrderService?xsd=1'],
    ['somewhere else', 'http://schemas.xmlsoap.org/soap/encoding/'],
    ['at another server of this machine', 'http://127.0.0.1:9999/types.xsd'],
    ['at the owner by another scheme', 'https://127.0.0.1:8081/types.xsd'],
  ])('%s stays as it is: %s', (_what, location) => {
    expect(imported(location)).toBe(location);
  });

  test.each([
    [
      'absolute',
      'http://127.0.0.1:8081/soap/OrderService?xsd=a&amp;b',
      'https://api.example.com/base/soap/OrderService?xsd=a&#38;b',
    ],
    ['absolute, under another name', 'http://localhost:8081/types.xsd', 'https://api.example.com/base/types.xsd'],
    ['from the root', '/schemas/types.xsd', 'https://api.example.com/base/schemas/types.xsd'],
    ['from another host by its name alone', '//127.0.0.1:8081/types.xsd', 'https://api.example.com/base/types.xsd'],
    ['further up than there is', '../../../types.xsd', 'https://api.example.com/base/types.xsd'],
  ])('%s is made to resolve through the facade', (_what, location, expected) => {
    // A reference without a scheme takes the owner's, by which it is the owner's.
    const publicBase = location.startsWith('//') ? 'http://api.example.com/base' : options.publicBase;
    expect(imported(location, { publicBase })).toBe(expected.replace('https://api.example.com/base', publicBase));
  });

  test('from the root stays where the facade has no path of its own', () => {
    expect(imported('/schemas/types.xsd', { publicBase: 'https://api.example.com/' })).toBe('/schemas/types.xsd');
  });

  test("is any of WSDL's and XML Schema's, also in a schema of its own", () => {
    const from = 'http://127.0.0.1:8081/x';
    const schema = ['import', 'include', 'redefine', 'override']
      .map((name) => `<s:${name} schemaLocation="${from}"/>`)
      .join('');
    const text = `<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema">${schema}</s:schema>`;
    expect(rewritten(text)).toBe(text.replaceAll(from, 'https://api.example.com/base/x'));
    const wsdl = definitions(`<import location="${from}"/><types>${text}</types>`);
    expect(rewritten(wsdl)).toBe(wsdl.replaceAll(from, 'https://api.example.com/base/x'));
  });

  test("at a host by which the owner knows itself is the owner's", () => {
    const text = definitions(
      '<import location="http://desk.internal/a?wsdl=1"/><soap:address location="http://desk.internal/soap/OrderService"/>',
    );
    expect(rewritten(text)).toContain('<import location="https://api.example.com/base/a?wsdl=1"/>');
  });
});

describe('the rest of the document', () => {
  const text =
    '<?xml version="1.0" encoding="ENC"?>\r\n<!-- <soap:address location="http://127.0.0.1:8081/no"/> é -->\r\n' +
    definitions(
      '<documentation><![CDATA[<soap:address location="http://127.0.0.1:8081/no"/>]]> é &#233; "\' http://127.0.0.1:8081/no</documentation>' +
        '<soap:address\n\tlocation  =  "http://127.0.0.1:8081/soap/OrderService"  /><x:y xmlns:x="urn:ü" location="http://127.0.0.1:8081/no"/>',
    );
  const wanted = (encoding: string): string =>
    text
      .replace('ENC', encoding)
      .replace('"http://127.0.0.1:8081/soap/OrderService"', '"https://api.example.com/base/soap/OrderService"');

  test.each<[string, (text: string) => Buffer, string | null]>([
    ['UTF-8', (all) => Buffer.from(all), 'text/xml; charset=utf-8'],
    ['UTF-8', (all) => Buffer.from(`\ufeff${all}`), null],
    ['UTF-16', (all) => Buffer.from(`\ufeff${all}`, 'utf16le'), 'text/xml'],
    ['UTF-16', (all) => Buffer.from(`\ufeff${all}`, 'utf16le').swap16(), 'text/xml; charset=utf-16'],
    ['ISO-8859-1', (all) => Buffer.from(all, 'latin1'), 'text/xml'],
    ['windows-1252', (all) => Buffer.from(all.replace('é', '\u0080'), 'latin1'), 'text/xml'],
  ])('stays as it is, to the byte, in %s', (encoding, encode, contentType) => {
    const result = rewrite(encode(text.replace('ENC', encoding)), contentType, options);
    expect(result).toMatchObject({ kind: 'rewritten', edits: 1 });
    expect(result.kind === 'rewritten' && result.body.equals(encode(wanted(encoding)))).toBe(true);
  });

  test('has an ETag that changes with it', () => {
    const etag = (publicBase: string): string => {
      const result = rewrite(Buffer.from(text.replace('ENC', 'UTF-8')), null, { ...options, publicBase });
      return result.kind === 'rewritten' ? result.etag : '';
    };
    expect(etag('https://a.example')).toMatch(/^"[\w-]{43}"$/);
    expect(etag('https://a.example')).toBe(etag('https://a.example'));
    expect(etag('https://a.example')).not.toBe(etag('https://b.example'));
  });

  test.each([
    ['that is not XML', Buffer.from('<html><br></html>'), 'text/html'],
    ['that is JSON', Buffer.from('{}'), 'application/json'],
    ['that is empty', Buffer.alloc(0), null],
    ['whose charset is unknown', Buffer.from('<a/>'), 'text/xml; charset=utf-7'],
    ['that is not in its charset', Buffer.from([0x3c, 0x61, 0xff]), 'text/xml; charset=utf-8'],
    ['that nests without end', Buffer.from('<a>'.repeat(100_000)), 'text/xml'],
  ])('is passed on %s', (_what, bytes, contentType) => {
    expect(rewrite(bytes, contentType, options).kind).toBe('unchanged');
  });

  test('is the same tree but for what was replaced, whatever the values', () => {
    const url = fc.webUrl({ withQueryParameters: true, withFragments: true });
    const value = fc.oneof(url, fc.string({ unit: 'grapheme' }), fc.constant('http://127.0.0.1:8081/é?a=<&>"\''));
    const escape = (raw: string): string => raw.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
    fc.assert(
      fc.property(fc.array(value, { maxLength: 6 }), fc.constantFrom('"', "'"), (values, quote) => {
        const content = values.map((raw, index) => {
          const legal = escape(raw.replace(/[^\u0020-\ud7ff\ue000-\ufffd]/g, ''));
          return index % 2 === 0
            ? `<soap:address location=${quote}${legal}${quote}/>`
            : `<xsd:import schemaLocation=${quote}${legal}${quote}/>`;
        });
        const before = parseTree(definitions(content.join('<!-- ü -->')));
        const after = parseTree(rewritten(definitions(content.join('<!-- ü -->'))));
        expect(before.kind).toBe('tree');
        expect(after.kind === 'tree' && names(after.root)).toEqual(before.kind === 'tree' && names(before.root));
        // What has been rewritten needs no rewriting.
        const once = rewritten(definitions(content.join('')));
        expect(rewritten(once)).toBe(once);
      }),
      { numRuns: 300 },
    );
  });
});

const names = (element: Element): unknown => [
  element.namespace,
  element.local,
  [...element.attributes.keys()],
  element.children.map(names),
];

describe('a request for a description', () => {
  test.each([
    '/soap/OrderService?wsdl',
    '/soap/OrderService?WSDL',
    '/s?singleWsdl',
    '/s?xsd=types.xsd',
    '/s?XSD=1',
    '/s?wsdl=1',
    '/s?a=b&wsdl',
    '/s?wsdl#x',
  ])('%s', (target) => {
    expect(isDescription(target)).toBe(true);
  });

  test.each(['/soap/OrderService', '/soap/wsdl', '/s?', '/s?wsdls', '/s?q=wsdl', '/s?a=?xsd', '/s#?wsdl'])(
    'is not %s',
    (target) => {
      expect(isDescription(target)).toBe(false);
    },
  );

  test('is also one for a schema beside the service', () => {
    expect(isBeside('/soap/types.xsd', '/soap/OrderService')).toBe(true);
    expect(isBeside('/soap/v1/Types.XSD?x=1', '/soap/OrderService')).toBe(true);
    expect(isBeside('/other/types.xsd', '/soap/OrderService')).toBe(false);
    expect(isBeside('/soap/picture.png?a=.xsd', '/soap/OrderService')).toBe(false);
  });
});

test("ReeferDesk's own WSDL needs one edit for each port", async () => {
  const file = fileURLToPath(new URL('../../../legacy-monolith/wsdl/OrderService.wsdl', import.meta.url));
  const text = await readFile(file, 'utf8');
  const result = rewrite(Buffer.from(text), 'text/xml', options);
  expect(result.kind === 'rewritten' && result.body.toString().match(/address location="[^"]*"/g)).toEqual([
    'address location="https://api.example.com/base/soap/OrderService"',
    'address location="https://api.example.com/base/soap/OrderService"',
  ]);
});
