import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '@banyan/gateway/core/soap/limits';
import { QuickScanner } from '@banyan/gateway/core/soap/quick';
import { Scanner, type ScanOptions, type Step } from '@banyan/gateway/core/soap/scan';
import { envelope, getOrder, ORDERS, SAMPLES, SOAP11, SOAP12 } from './samples.ts';

const options: ScanOptions = {
  limits: LIMITS,
  check: 'whole',
  isOperation: (namespace, name) => namespace === ORDERS && ['GetOrder', 'CancelOrder', 'PlaceOrder'].includes(name),
};

/** Scans `chunks` with both scanners, which must agree; the last step, in the slow one's words. */
function scan(chunks: readonly string[], check: 'whole' | 'operation' = 'whole'): Step {
  const slow = new Scanner({ ...options, check });
  const quick = new QuickScanner({ ...options, check });
  for (const chunk of chunks) {
    slow.write(chunk);
    quick.write(chunk);
  }
  const step = slow.end();
  expect(verdictOf(quick.end())).toEqual(verdictOf(step));
  expect(quick.version).toBe(slow.version);
  return step;
}

/** A step without the parser's words: where it notices a fault depends on the chunk. */
function verdictOf(step: Step): unknown {
  return step.kind === 'refused' ? { because: step.refusal.because, known: step.known } : step;
}

const refusal = (xml: string): string | null => {
  const step = scan([xml]);
  return step.kind === 'refused' ? step.refusal.because : null;
};

describe('the operation of a message', () => {
  test.each(Object.entries(SAMPLES))(
    'of %s is the first child of the body',
    (_stack, { version, namespace, name, xml }) => {
      expect(scan([xml])).toMatchObject({ kind: 'found', version, namespace, name });
      expect(scan([xml], 'operation')).toMatchObject({ kind: 'found', version, namespace, name });
    },
  );

  test.each(Object.entries(SAMPLES))('of %s is the same wherever the message is cut in two', (_stack, { xml }) => {
    const whole = scan([xml]);
    for (let at = 0; at <= xml.length; at += 1) expect(scan([xml.slice(0, at), xml.slice(at)])).toEqual(whole);
  });

  test.each([
    ['quick', QuickScanner],
    ['slow', Scanner],
  ])('is known to the %s scanner as soon as its start tag is complete', (_which, Which) => {
    const scanner = new Which(options);
    const xml = envelope(getOrder);
    const at = xml.indexOf('"><o:orderId>') + 1;
    expect(scanner.write(xml.slice(0, at)).kind).toBe('more');
    expect(scanner.write('>')).toMatchObject({ kind: 'found', name: 'GetOrder' });
    expect(scanner.end()).toMatchObject({ kind: 'refused', known: { name: 'GetOrder' } });
  });

  test('is all that matters when only the operation is checked', () => {
    const xml = `${envelope(getOrder).split('<o:orderId>')[0]}<<< not XML at all`;
    expect(scan([xml], 'operation')).toMatchObject({ kind: 'found', name: 'GetOrder' });
    expect(refusal(xml)).toBe('GW_SOAP_MALFORMED');
  });

  test.each([
    ['', '1.1'],
    ['<!-- nothing -->  ', '1.1'],
  ])('is missing where the body is empty: %j', (body, version) => {
    expect(scan([envelope(body)])).toEqual({ kind: 'empty-body', version, addressing: [] });
    expect(scan([`<s:Envelope xmlns:s="${SOAP12}"><s:Body/></s:Envelope>`])).toMatchObject({
      kind: 'empty-body',
      version: '1.2',
    });
  });

  test('comes with the WS-Addressing actions of the header, and with no other Action', () => {
    const wsa = 'http://www.w3.org/2005/08/addressing';
    const header =
      `<a:Action xmlns:a="${wsa}"> urn:&#65;<![CDATA[<b>]]> </a:Action><Action xmlns="urn:other">no</Action>` +
      `<x xmlns="urn:x"><a:Action xmlns:a="${wsa}">nested</a:Action></x>` +
      '<a:Action xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing">old</a:Action>';
    const body = `<o:GetOrder xmlns:o="${ORDERS}"><a:Action xmlns:a="${wsa}">in the body</a:Action></o:GetOrder>`;
    expect(scan([envelope(body, header)])).toMatchObject({ kind: 'found', addressing: ['urn:A<b>', 'old'] });
  });
});

describe('a message is refused', () => {
  const cancel = `<o:CancelOrder xmlns:o="${ORDERS}"/>`;
  const soapenc = 'xmlns:e="http://schemas.xmlsoap.org/soap/encoding/"';
  test.each([
    ['GW_SOAP_DOCTYPE', 'with a DOCTYPE', `<!DOCTYPE x>${envelope(getOrder)}`],
    [
      'GW_SOAP_DOCTYPE',
      'with an internal subset',
      `<!DOCTYPE x [<!ENTITY a "<s:Body/>"> <!-- ]> -->]>${envelope('&a;')}`,
    ],
    [
      'GW_SOAP_DOCTYPE',
      'with an external subset',
      `<!DOCTYPE s:Envelope SYSTEM "http://127.0.0.1/x.dtd">${envelope(getOrder)}`,
    ],
    ['GW_SOAP_MALFORMED', 'with a DOCTYPE further in', envelope(`${getOrder}<!DOCTYPE x>`)],
    ['GW_SOAP_MALFORMED', 'that is nothing', ''],
    ['GW_SOAP_MALFORMED', 'that is no XML', '{"a":1}'],
    ['GW_SOAP_MALFORMED', 'that is cut short', envelope(getOrder).slice(0, -3)],
    ['GW_SOAP_MALFORMED', 'with something behind it', `${envelope(getOrder)}<x/>`],
    ['GW_SOAP_MALFORMED', 'with text behind it', `${envelope(getOrder)}text`],
    ['GW_SOAP_MALFORMED', 'with an entity of its own', envelope('<a>&own;</a>')],
    ['GW_SOAP_MALFORMED', 'with an unbound prefix', envelope('<o:GetOrder/>')],
    ['GW_SOAP_MALFORMED', 'with an unbound prefix of an attribute', envelope('<GetOrder o:a="1"/>')],
    ['GW_SOAP_MALFORMED', 'with an attribute twice', envelope('<GetOrder a="1" a="2"/>')],
    [
      'GW_SOAP_MALFORMED',
      'with an attribute twice by its name',
      envelope('<GetOrder xmlns:p="u" xmlns:q="u" p:a="1" q:a="2"/>'),
    ],
    ['GW_SOAP_MALFORMED', 'with a late XML declaration', ` <?xml version="1.0"?>${envelope(getOrder)}`],
    ['GW_SOAP_MALFORMED', 'in XML 1.1', `<?xml version="1.1"?>${envelope(getOrder)}`],
    ['GW_SOAP_MALFORMED', 'with a character that XML has not', envelope('<a>\u0001</a>')],
    ['GW_SOAP_MALFORMED', 'with a reference to such a character', envelope('<a>&#0;</a>')],
    ['GW_SOAP_MALFORMED', 'with an unquoted attribute', envelope('<GetOrder a=1/>')],
    ['GW_SOAP_MALFORMED', 'whose tags do not nest', envelope('<a><b></a></b>')],
    ['GW_SOAP_VERSION', 'of an unknown version', `<s:Envelope xmlns:s="urn:soap:9"><s:Body/></s:Envelope>`],
    ['GW_SOAP_VERSION', 'of no version', '<Envelope><Body/></Envelope>'],
    ['GW_SOAP_VERSION', 'whose namespace has a space in it', `<s:Envelope xmlns:s=" ${SOAP11}"><s:Body/></s:Envelope>`],
    ['GW_SOAP_NOT_AN_ENVELOPE', 'that is another document', '<html/>'],
    ['GW_SOAP_NOT_AN_ENVELOPE', 'that begins with the body', `<s:Body xmlns:s="${SOAP11}"/>`],
    ['GW_SOAP_SHAPE', 'without a body', `<s:Envelope xmlns:s="${SOAP11}"><s:Header/></s:Envelope>`],
    [
      'GW_SOAP_SHAPE',
      'with two bodies',
      `<s:Envelope xmlns:s="${SOAP11}"><s:Body>${getOrder}</s:Body><s:Body/></s:Envelope>`,
    ],
    [
      'GW_SOAP_SHAPE',
      'with an empty body and another',
      `<s:Envelope xmlns:s="${SOAP11}"><s:Body/><s:Body>${getOrder}</s:Body></s:Envelope>`,
    ],
    [
      'GW_SOAP_SHAPE',
      'with two headers',
      `<s:Envelope xmlns:s="${SOAP11}"><s:Header/><s:Header/><s:Body/></s:Envelope>`,
    ],
    [
      'GW_SOAP_SHAPE',
      'with its header behind',
      `<s:Envelope xmlns:s="${SOAP11}"><s:Body>${getOrder}</s:Body><s:Header/></s:Envelope>`,
    ],
    [
      'GW_SOAP_SHAPE',
      'with a foreign body first',
      `<s:Envelope xmlns:s="${SOAP11}"><x:Body xmlns:x="urn:x">${cancel}</x:Body><s:Body>${getOrder}</s:Body></s:Envelope>`,
    ],
    [
      'GW_SOAP_SHAPE',
      'with a foreign body behind',
      `<s:Envelope xmlns:s="${SOAP11}"><s:Body>${getOrder}</s:Body><Body>${cancel}</Body></s:Envelope>`,
    ],
    [
      'GW_SOAP_SHAPE',
      'with a body of the other version',
      `<s:Envelope xmlns:s="${SOAP11}"><x:Body xmlns:x="${SOAP12}">${getOrder}</x:Body></s:Envelope>`,
    ],
    ['GW_SOAP_SHAPE', 'with a second operation', envelope(getOrder + cancel)],
    ['GW_SOAP_SHAPE', 'with a second child that has no id', envelope(`${getOrder}<multiRef/>`)],
    [
      'GW_SOAP_SHAPE',
      'with an operation that pretends to be a multiref',
      envelope(`${getOrder}<o:CancelOrder xmlns:o="${ORDERS}" id="a"/>`),
    ],
    [
      'GW_SOAP_SHAPE',
      'with a second child that says it is the root',
      envelope(`${getOrder}<x id="a" ${soapenc} e:root="1"/>`),
    ],
    [
      'GW_SOAP_SHAPE',
      'whose first child says it is not the root',
      envelope(`<x id="a" ${soapenc} e:root="0"/>${getOrder}`),
    ],
    ['GW_SOAP_NAME', 'with the id __proto__', envelope('<GetOrder><a id="__proto__"/></GetOrder>')],
    ['GW_SOAP_NAME', 'with an escaped id __proto__', envelope('<GetOrder><a id="&#95;_proto__"/></GetOrder>')],
    ['GW_SOAP_NAME', 'with the id __proto__ in its header', envelope(getOrder, '<x:a xmlns:x="u" x:Id="__proto__"/>')],
    ['GW_SOAP_NAME', 'with an element __proto__', envelope('<GetOrder><__proto__/></GetOrder>')],
    ['GW_SOAP_NAME', 'with an attribute __proto__', envelope('<GetOrder xmlns:x="u" x:__proto__="1"/>')],
  ])('%s %s', (because, _what, xml) => {
    expect(refusal(xml)).toBe(because);
    // Wherever it is cut, and in single characters.
    expect(verdictOf(scan(xml.split('')))).toMatchObject({ because });
  });

  test('never for a name that merely looks odd', () => {
    const xml = envelope(
      '<GetOrder id="constructor"><constructor prototype="__proto__">ACME</constructor><toString href="#__proto__">__proto__</toString></GetOrder>',
    );
    expect(scan([xml])).toMatchObject({ kind: 'found' });
  });

  test('with where it stands', () => {
    const step = scan([envelope('\n<a>\n</b>')]);
    expect(step).toMatchObject({
      kind: 'refused',
      refusal: { reason: expect.stringContaining('3:4: unexpected close tag') },
    });
  });
});

test('a name is one in both scanners, whichever character it is made of', () => {
  const points = [
    ...Array.from({ length: 0xd800 }, (_, at) => at),
    ...Array.from({ length: 0x2000 }, (_, at) => 0xe000 + at),
  ];
  const odd: unknown[] = [];
  for (const point of [...points, 0x1_0000, 0xe_ffff, 0xf_0000, 0x10_ffff]) {
    const character = String.fromCodePoint(point);
    for (const xml of [`<${character}/>`, `<a${character}/>`, `<a ${character}="1"/>`, `<a>${character}</a>`]) {
      const slow = new Scanner(options);
      const quick = new QuickScanner(options);
      slow.write(xml);
      quick.write(xml);
      const [expected, got] = [slow.end(), quick.end()];
      if (JSON.stringify(verdictOf(expected)) !== JSON.stringify(verdictOf(got))) odd.push([xml, expected, got]);
    }
  }
  expect(odd).toEqual([]);
});

test.each([1, 7, 1_000, 16_384, 100_000])(
  'the length of a start tag is told alike in chunks of %d characters',
  (size) => {
    const limits = { ...LIMITS, tagCharacters: 40_000 };
    for (const length of [30_000, 39_990, 40_000, 40_010, 48_000, 60_000]) {
      const xml = envelope(
        `${getOrder.replace('/>', '>')}`.replace('<o:orderId>', `<o:orderId a="${'x'.repeat(length)}">`),
      );
      const results = [Scanner, QuickScanner].map((Which) => {
        const scanner = new Which({ ...options, limits });
        for (let at = 0; at < xml.length; at += size) scanner.write(xml.slice(at, at + size));
        return scanner.end().kind;
      });
      expect([length, ...results]).toEqual([length, ...Array<string>(2).fill(length <= 39_995 ? 'found' : 'refused')]);
    }
  },
);

describe('chunks', () => {
  const pieces = [
    '<s:Envelope',
    ` xmlns:s="${SOAP11}"`,
    ` xmlns:s='${SOAP12}'`,
    '>',
    '/>',
    '<s:Header>',
    '</s:Header>',
    '<s:Body>',
    '</s:Body>',
    '</s:Envelope>',
    '<a',
    '<b>',
    '</b>',
    '<p:c',
    ' xmlns:p="u"',
    ' xmlns=""',
    ' p:x="1"',
    ' x="1"',
    ' id="i"',
    '<!--',
    '-->',
    '--',
    '<![CDATA[',
    ']]>',
    ']]',
    '<?p',
    '?>',
    '&amp;',
    '&#x41;',
    '&u;',
    '&',
    ';',
    '\r',
    '\r\n',
    '\n',
    ' ',
    'é',
    '日',
    '😀',
    '<!DOCTYPE x>',
    '<?xml version="1.0"?>',
    '"',
    "'",
    '=',
    '\u0000',
    '\ufeff',
    getOrder,
    envelope(getOrder),
    envelope(''),
    '<a:Action xmlns:a="http://www.w3.org/2005/08/addressing">',
    '</a:Action>',
  ];
  const documents = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''));
  const near = fc
    .tuple(
      fc.constantFrom(...Object.values(SAMPLES).map(({ xml }) => xml)),
      fc.nat(),
      fc.nat(20),
      fc.constantFrom('', ...pieces),
    )
    .map(([xml, at, length, piece]) => {
      const from = at % xml.length;
      return xml.slice(0, from) + piece + xml.slice(from + length);
    });
  const cuts = fc.array(fc.nat(400), { maxLength: 12 });

  test('do not matter, whatever the document', () => {
    fc.assert(
      fc.property(fc.oneof(documents, near), cuts, (xml, sizes) => {
        const chunks: string[] = [];
        let at = 0;
        for (const size of sizes) {
          chunks.push(xml.slice(at, at + size));
          at += size;
        }
        chunks.push(xml.slice(at));
        expect(verdictOf(scan(chunks))).toEqual(verdictOf(scan([xml])));
      }),
      { numRuns: 2000 },
    );
  });

  test('or single characters: the same', () => {
    fc.assert(
      fc.property(fc.oneof(documents, near), (xml) => {
        expect(verdictOf(scan(xml.split('')))).toEqual(verdictOf(scan([xml])));
      }),
      { numRuns: 500 },
    );
  });

  test('are judged as saxes judges namespaces', () => {
    const inside = fc
      .array(
        fc.oneof(
          fc.record({
            prefix: fc.constantFrom('', 'p:', 'q:', 'xml:', 'xmlns:'),
            open: fc.boolean(),
            attributes: fc.array(
              fc.constantFrom(
                'xmlns:p="u"',
                'xmlns:p="v"',
                'xmlns:q="u"',
                'xmlns="u"',
                'xmlns=""',
                'xmlns:q=""',
                'p:a="1"',
                'q:a="1"',
                'a="1"',
                'b="1"',
                'xml:lang="en"',
                'xmlns:xml="u"',
                'xmlns:xmlns="u"',
                'xmlns:p="http://www.w3.org/2000/xmlns/"',
                'p:a:b="1"',
                ':a="1"',
                'xmlns:xml="http://www.w3.org/XML/1998/namespace"',
                'xmlns:p="http://www.w3.org/XML/1998/namespace"',
              ),
              { maxLength: 4 },
            ),
          }),
          fc.constant(null),
        ),
        { maxLength: 12 },
      )
      .map((steps) => {
        const open: string[] = [];
        let xml = '';
        for (const step of steps) {
          if (step === null) xml += open.length === 0 ? '' : `</${open.pop()}>`;
          else {
            xml += `<${step.prefix}e ${step.attributes.join(' ')}${step.open ? '>' : '/>'}`;
            if (step.open) open.push(`${step.prefix}e`);
          }
        }
        return (
          xml +
          open
            .reverse()
            .map((name) => `</${name}>`)
            .join('')
        );
      });
    let accepted = 0;
    fc.assert(
      fc.property(inside, (xml) => {
        const message = envelope(`<r>${xml}</r>`);
        const reference = saxesAccepts(message);
        accepted += reference ? 1 : 0;
        expect(scan([message]).kind === 'found').toBe(reference);
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

function saxesAccepts(xml: string): boolean {
  try {
    new SaxesParser({ xmlns: true }).write(xml).close();
    return true;
  } catch {
    return false;
  }
}
