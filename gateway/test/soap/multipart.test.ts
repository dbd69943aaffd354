import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Multipart } from '@banyan/gateway/core/soap/multipart';
import { ask, settle } from './asking.ts';
import { envelope, getOrder, ORDERS, SOAP12 } from './samples.ts';

const message = envelope(getOrder);
const soap12 = envelope(getOrder, '', SOAP12);
const GET_ORDER = `1.1 {${ORDERS}}GetOrder`;

interface Part {
  readonly head?: readonly string[];
  readonly content: string;
}

/** A multipart body; `latin1`, so that attachments may hold any byte. */
function mime(parts: readonly Part[], { boundary = 'MIME_boundary', newline = '\r\n', before = '' } = {}): Buffer {
  const lines = parts.map(
    ({ head = [], content }) =>
      `--${boundary}${newline}${head.map((line) => line + newline).join('')}${newline}${content}${newline}`,
  );
  return Buffer.from(`${before}${lines.join('')}--${boundary}--${newline}`, 'latin1');
}

const related = (parameters: string): { 'Content-Type': string } => ({
  'Content-Type': `multipart/related; ${parameters}`,
});
const SWA = related('boundary="MIME_boundary"; type="text/xml"; start="<root@example>"');
const root: Part = {
  head: ['Content-Type: text/xml; charset=UTF-8', 'Content-Transfer-Encoding: binary', 'Content-ID: <root@example>'],
  content: message,
};
const attachment: Part = {
  head: ['Content-Type: image/png', 'Content-ID: <1@example>'],
  content: `\u0089PNG\r\n--MIME\r\n\r\n<s:Body><o:CancelOrder/>\u0000\u00ff\n\n--`,
};

describe('the root part of a multipart message', () => {
  test('of CXF with MTOM is its first part', async () => {
    const headers = related(
      'type="application/xop+xml"; boundary="uuid:7f1c"; start="<root.message@cxf.apache.org>"; start-info="text/xml"',
    );
    const head = [
      'Content-Type: application/xop+xml; charset=UTF-8; type="text/xml"',
      'Content-Transfer-Encoding: binary',
      'Content-ID: <root.message@cxf.apache.org>',
    ];
    const body = mime([{ head, content: message }, attachment], { boundary: 'uuid:7f1c', before: '\r\n' });
    const { verdict, sent } = await settle({ headers, body });
    expect(verdict).toBe(GET_ORDER);
    expect(sent.equals(body)).toBe(true);
  });

  test('of WCF with MTOM and SOAP 1.2 carries the action in its type', async () => {
    const headers = related(
      'type="application/xop+xml";start="<http://tempuri.org/0>";boundary="uuid:2+id=1";start-info="application/soap+xml"',
    );
    const part = (action: string): Part => ({
      head: [
        'Content-ID: <http://tempuri.org/0>',
        'Content-Transfer-Encoding: 8bit',
        `Content-Type: application/xop+xml;charset=utf-8;type="application/soap+xml; action=\\"${action}\\""`,
      ],
      content: soap12,
    });
    const body = (action: string): Buffer => mime([part(action)], { boundary: 'uuid:2+id=1' });
    expect((await settle({ headers, body: body('urn:GetOrder') })).verdict).toBe(`1.2 {${ORDERS}}GetOrder`);
    expect((await settle({ headers, body: body('urn:CancelOrder') })).verdict).toBe('GW_SOAP_ACTION');
  });

  test('is the one that start= names, with or without angle brackets, else the first', async () => {
    expect((await settle({ headers: SWA, body: mime([attachment, root]) })).verdict).toBe(GET_ORDER);
    const bare = related('boundary=MIME_boundary; start=root@example');
    expect((await settle({ headers: bare, body: mime([attachment, root]) })).verdict).toBe(GET_ORDER);
    const unnamed = related('boundary=MIME_boundary');
    expect((await settle({ headers: unnamed, body: mime([{ content: message }, attachment]) })).verdict).toBe(
      GET_ORDER,
    );
    expect((await settle({ headers: unnamed, body: mime([attachment, root]) })).verdict).toBe('GW_SOAP_CHARSET');
  });

  test('may stand in lines that end in LF', async () => {
    expect((await settle({ headers: SWA, body: mime([attachment, root], { newline: '\n' }) })).verdict).toBe(GET_ORDER);
  });

  test('has its own charset', async () => {
    const head = ['Content-Type: text/xml; charset=UTF-16LE'];
    const content = Buffer.from(message, 'utf16le').toString('latin1');
    expect(
      (await settle({ headers: related('boundary=MIME_boundary'), body: mime([{ head, content }]) })).verdict,
    ).toBe(GET_ORDER);
  });

  test('is scanned to its end; what is attached is not looked at', async () => {
    const second = { ...root, content: message.replace('</s:Body>', '<x/></s:Body>') };
    expect((await settle({ headers: SWA, body: mime([second]) })).verdict).toBe('GW_SOAP_SHAPE');
    const cut = { ...root, content: message.slice(0, -1) };
    expect((await settle({ headers: SWA, body: mime([cut, attachment]) })).verdict).toBe('GW_SOAP_MALFORMED');
  });

  test('has the version of its own media type', async () => {
    const head = ['Content-Type: application/xop+xml; type="text/xml"', 'Content-ID: <root@example>'];
    expect(await ask({ headers: SWA, body: mime([{ head, content: soap12 }]) })).toMatchObject({
      because: 'GW_SOAP_VERSION',
    });
  });
});

describe('a multipart message is refused', () => {
  const big = 'x'.repeat(100 * 1024);
  test.each<[string, string, { 'Content-Type': string }, Buffer]>([
    ['GW_SOAP_MULTIPART', 'without a boundary', related('start="<root@example>"'), mime([root])],
    [
      'GW_SOAP_MULTIPART',
      'with too long a boundary',
      related(`boundary=${'b'.repeat(71)}`),
      mime([root], { boundary: 'b'.repeat(71) }),
    ],
    ['GW_SOAP_HEADERS', 'with two boundaries', related('boundary=a; boundary=b'), mime([root], { boundary: 'a' })],
    [
      'GW_SOAP_MULTIPART',
      'that does not begin with its boundary',
      SWA,
      mime([root], { before: 'A message in MIME.\r\n' }),
    ],
    [
      'GW_SOAP_MULTIPART',
      'whose first boundary only a lenient reader sees',
      SWA,
      mime([root], { before: `\n--MIME_boundary\nContent-ID: <root@example>\n\n${message}\n` }),
    ],
    ['GW_SOAP_MULTIPART', 'that is not multipart at all', SWA, Buffer.from(message)],
    ['GW_SOAP_MULTIPART', 'without its closing boundary', SWA, mime([root]).subarray(0, -6)],
    ['GW_SOAP_MULTIPART', 'without the part that start= names', SWA, mime([attachment])],
    ['GW_SOAP_MULTIPART', "with two parts of the root's Content-ID", SWA, mime([root, attachment, root])],
    [
      'GW_SOAP_MULTIPART',
      'with a longer boundary inside',
      SWA,
      mime([{ ...attachment, content: '\r\n--MIME_boundary2\r\n' }, root]),
    ],
    [
      'GW_SOAP_MULTIPART',
      'whose lines end now so, now so',
      SWA,
      mime([{ ...attachment, content: 'a\n--MIME_boundary\nb' }, root]),
    ],
    [
      'GW_SOAP_MULTIPART',
      'with a header twice',
      SWA,
      mime([{ ...root, head: ['Content-ID: <root@example>', 'content-id: <root@example>'] }]),
    ],
    ['GW_SOAP_MULTIPART', 'with a line that is no header', SWA, mime([{ head: ['nonsense'], content: 'x' }, root])],
    [
      'GW_SOAP_MULTIPART',
      'with a head without an end',
      SWA,
      mime([{ head: [`X-A: ${'x'.repeat(17 * 1024)}`], content: 'x' }, root]),
    ],
    [
      'GW_SOAP_ENCODING',
      'whose root part is in base64',
      SWA,
      mime([{ head: ['Content-ID: <root@example>', 'Content-Transfer-Encoding: base64'], content: 'PHM6' }]),
    ],
    [
      'GW_SOAP_HEADERS',
      'whose root part has two charsets',
      SWA,
      mime([
        { head: ['Content-ID: <root@example>', 'Content-Type: text/xml; charset=a; charset=b'], content: message },
      ]),
    ],
    [
      'GW_SOAP_HEAD_TOO_LARGE',
      'whose root part comes after 256 KiB',
      SWA,
      mime([...Array.from({ length: 3 }, (_, index) => ({ head: [`Content-ID: <${index}>`], content: big })), root]),
    ],
  ])('%s %s', async (because, _what, headers, body) => {
    expect((await settle({ headers, body })).verdict).toBe(because);
    const small = Array.from({ length: Math.ceil(body.length / 700) }, (_, index) =>
      body.subarray(index * 700, (index + 1) * 700),
    );
    expect((await settle({ headers, body: small })).verdict).toBe(because);
  });
});

describe('chunks of a multipart message', () => {
  const bodies = [
    mime([attachment, root, attachment]),
    mime([root], { newline: '\n' }),
    mime([{ content: '' }, root, { content: '' }], { before: '\r\n' }),
  ];

  function roots(chunks: readonly Buffer[]): { readonly outcome: string; readonly bytes: string } {
    const seen: Uint8Array[] = [];
    let ends = 0;
    const multipart = new Multipart({
      boundary: 'MIME_boundary',
      start: '<root@example>',
      headBytes: 1000,
      onRoot: () => null,
      onBytes: (bytes) => (seen.push(bytes.slice()), null),
      onRootEnd: () => ((ends += 1), null),
    });
    for (const chunk of chunks) {
      const refusal = multipart.push(chunk);
      if (refusal !== null) return { outcome: refusal.because, bytes: '' };
    }
    return { outcome: multipart.end()?.because ?? `ended ${ends}`, bytes: Buffer.concat(seen).toString('latin1') };
  }

  test.each(bodies.map((body, index) => [index, body] as const))('may be cut at every byte (%i)', (_index, body) => {
    expect(roots([body])).toEqual({ outcome: 'ended 1', bytes: message });
    for (let at = 0; at <= body.length; at += 1)
      expect(roots([body.subarray(0, at), body.subarray(at)])).toEqual(roots([body]));
    expect(roots(Array.from(body, (byte) => Buffer.from([byte])))).toEqual(roots([body]));
  });

  test('do not matter, whatever the message', () => {
    const pieces = [
      '--MIME_boundary',
      '--',
      '\r\n',
      '\n',
      '\r',
      ' ',
      'Content-ID: <root@example>',
      'Content-ID: <1>',
      'X: y',
      'content',
      '--MIME',
      '-',
    ];
    fc.assert(
      fc.property(
        fc
          .array(fc.constantFrom(...pieces), { maxLength: 30 })
          .map((parts) => Buffer.from(`--MIME_boundary${parts.join('')}`)),
        fc.array(fc.nat(20), { maxLength: 12 }),
        (body, sizes) => {
          const chunks: Buffer[] = [];
          let at = 0;
          for (const size of sizes) chunks.push(body.subarray(at, (at += size)));
          chunks.push(body.subarray(at));
          expect(roots(chunks)).toEqual(roots([body]));
        },
      ),
      { numRuns: 3000 },
    );
  });
});
