import { gzipSync } from 'node:zlib';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '@banyan/gateway/core/soap/limits';
import { QuickScanner } from '@banyan/gateway/core/soap/quick';
import { Scanner, type Step } from '@banyan/gateway/core/soap/scan';
import { SOAP_CODES } from '@banyan/gateway/core/soap/refusal';
import { identify } from '@banyan/gateway/soap/identify';
import { orders, settle, streamOf } from './asking.ts';
import { envelope, getOrder, ORDERS, SAMPLES, SOAP11 } from './samples.ts';

const MIB = 1024 * 1024;
/**
 * Milliseconds for 10 MiB of the worst there is. On the slowest machine that we know they take a tenth of it; what is quadratic
 * takes minutes.
 */
const BOUND_MS = 15_000;

const SCANNERS = { quick: QuickScanner, slow: Scanner } as const;
type Which = keyof typeof SCANNERS;

function scan(xml: string, which: Which): Step {
  const scanner = new SCANNERS[which]({ limits: LIMITS, check: 'whole', isOperation: () => false });
  for (let at = 0; at < xml.length; at += 65_536) {
    if (scanner.write(xml.slice(at, at + 65_536)).kind === 'refused') break;
  }
  return scanner.end();
}

const within = (content: string): string => envelope(`<o:GetOrder xmlns:o="${ORDERS}">${content}</o:GetOrder>`);
const fill = (piece: string, bytes = 10 * MIB): string => piece.repeat(Math.floor(bytes / piece.length));
const because = (step: Step): string => (step.kind === 'refused' ? step.refusal.because : step.kind);
const names = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join('');

describe.each(['quick', 'slow'] as const)('a hostile message is settled in bounded time by the %s scanner', (which) => {
  test.each<[string, string, string]>([
    [
      'a million entities of its own',
      'GW_SOAP_DOCTYPE',
      `<!DOCTYPE x [${names(2000, (index) => `<!ENTITY e${index} "${`&e${index - 1};`.repeat(5)}">`)}]>${within('&e1999;')}`,
    ],
    ['a DOCTYPE without an end', 'GW_SOAP_HEAD_TOO_LARGE', `<!DOCTYPE x [${fill('<!ENTITY a "b">', MIB)}`],
    ['300 levels', 'GW_SOAP_LIMIT', within('<a>'.repeat(300))],
    ['a million levels', 'GW_SOAP_LIMIT', within('<a>'.repeat(1_000_000))],
    ['a million levels before the operation', 'GW_SOAP_LIMIT', envelope('', '<a>'.repeat(1_000_000))],
    ['257 attributes', 'GW_SOAP_LIMIT', within(`<a${names(257, (index) => ` a${index}=""`)}/>`)],
    ['100,000 attributes', 'GW_SOAP_LIMIT', within(`<a${names(100_000, (index) => ` a${index}=""`)}/>`)],
    ['100,000 namespaces', 'GW_SOAP_LIMIT', within(`<a${names(100_000, (index) => ` xmlns:n${index}="u"`)}/>`)],
    ['a value of 300 KiB', 'GW_SOAP_LIMIT', within(`<a b="${'x'.repeat(300 * 1024)}"/>`)],
    ['a name of 300 KiB', 'GW_SOAP_LIMIT', within(`<${'x'.repeat(300 * 1024)}`)],
    ['a value of line breaks', 'GW_SOAP_LIMIT', within(`<a b="${fill('\n')}"/>`)],
    [
      'an action of 8 KiB',
      'GW_SOAP_ACTION',
      envelope(getOrder, `<Action xmlns="http://www.w3.org/2005/08/addressing">${fill('x', 8 * 1024)}</Action>`),
    ],
    [
      'an action of 10 MiB',
      'GW_SOAP_HEAD_TOO_LARGE',
      envelope(getOrder, `<Action xmlns="http://www.w3.org/2005/08/addressing">${fill('x')}</Action>`),
    ],
    [
      'an action of 10 MiB in entities and CDATA',
      'GW_SOAP_ACTION',
      envelope(
        getOrder,
        `<Action xmlns="http://www.w3.org/2005/08/addressing">${fill('&#120;<![CDATA[x]]>')}</Action>`,
      ),
    ],
    ['a hundred thousand comments before the root', 'GW_SOAP_HEAD_TOO_LARGE', `${fill('<!---->')}${within('')}`],
    ['10 MiB of processing instructions', 'found', within(fill('<?p?>'))],
    ['10 MiB of references to characters', 'found', within(fill('&#x1F600;'))],
    ['10 MiB of carriage returns', 'found', within(fill('\r'))],
    ['10 MiB of emoji', 'found', within('😀'.repeat(2.5 * MIB))],
    ['10 MiB of elements in another script', 'found', within(fill('<größe é="1"/>', 5 * MIB))],
    ['10 MiB of line breaks in values', 'found', within(fill(`<a b="${'\n'.repeat(100_000)}"/>`))],
    ['10 MiB of end tags with white space', 'found', within(fill('<a></a \t\r\n >'))],
    ['10 MiB of redeclared prefixes', 'found', within(fill('<p:a xmlns:p="u"><p:b xmlns:p="v"/></p:a>'))],
    ['10 MiB of an end tag', 'GW_SOAP_LIMIT', within(`<a></${fill('a')}`)],
    ['10 MiB of a target', 'found', within(`<?${fill('a')}?>`)],
    ['a comment without an end', 'GW_SOAP_MALFORMED', within(`<!--${fill('x')}`)],
    ['an entity without an end', 'GW_SOAP_MALFORMED', within(`&${fill('\r')}`)],
    ['a header of 300 KiB', 'GW_SOAP_HEAD_TOO_LARGE', envelope(getOrder, fill('<a xmlns="u">x</a>', 300 * 1024))],
    ['10 MiB of white space', 'GW_SOAP_HEAD_TOO_LARGE', fill(' ')],
    ['10 MiB of nothing but <', 'GW_SOAP_MALFORMED', fill('<')],
    ['10 MiB of text', 'found', within(fill('x'))],
    ['10 MiB of ]]', 'found', within(fill(']]x'))],
    ['10 MiB of entities', 'found', within(fill('&lt;'))],
    ['10 MiB of lines', 'found', within(fill('\r\n'))],
    ['10 MiB of elements', 'found', within(fill('<a/>'))],
    [
      '10 MiB of prefixed elements below 250 others',
      'found',
      within(`<x xmlns:p="u">${'<a>'.repeat(245)}${fill('<p:b/>')}${'</a>'.repeat(245)}</x>`),
    ],
    [
      '10 MiB of prefixed attributes below 250 others',
      'found',
      within(
        `<x xmlns:p="u">${'<a>'.repeat(245)}${fill(`<b${names(250, (index) => ` p:a${index}=""`)}/>`)}${'</a>'.repeat(245)}</x>`,
      ),
    ],
    ['10 MiB of namespaces', 'found', within(fill(`<b${names(250, (index) => ` xmlns:n${index}="u"`)}/>`))],
    [
      '250 namespaces on each of 250 levels',
      'found',
      within(
        names(250, (level) => `<b${names(250, (index) => ` xmlns:n${level}x${index}="u"`)}>`) + '</b>'.repeat(250),
      ),
    ],
    ['10 MiB in a comment', 'found', within(`<!--${fill('- ')}-->`)],
    ['10 MiB in CDATA', 'found', within(`<![CDATA[${fill('] ')}]]>`)],
    ['10 MiB in a processing instruction', 'found', within(`<?x ${fill('? ')}?>`)],
    ['multirefs', 'found', envelope(getOrder + fill('<m id="i"/>'))],
  ])('%s: %s', (_what, expected, xml) => {
    const started = performance.now();
    expect(because(scan(xml, which))).toBe(expected);
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
  });

  test('in one chunk as well', () => {
    const scanner = new SCANNERS[which]({ limits: LIMITS, check: 'whole', isOperation: () => false });
    scanner.write(within(`<!--${fill('- ')}-->`));
    expect(scanner.end().kind).toBe('found');
  });
});

test.each([
  ['QuickScanner', 'quick'],
  ['Scanner', 'scan'],
])('a message of 10 MiB is scanned by %s in 64 MB of memory, whatever it is made of', async (scanner, file) => {
  // The parser itself would gather 300 MB of a comment made of `- `.
  const module = pathToFileURL(fileURLToPath(new URL('../../dist/core/soap/', import.meta.url))).href;
  const code = `
    const { parentPort } = require('node:worker_threads');
    void (async () => {
      const { ${scanner} } = await import('${module}${file}.js');
      const { LIMITS } = await import('${module}limits.js');
      const answers = [];
      for (const [start, piece, end] of [['<!--', '- ', '-->'], ['<![CDATA[', '] ', ']]>'], ['<?x ', '? ', '?>'], ['', '&amp;', ''], ['', '<m a="1"/>', '']]) {
        const scanner = new ${scanner}({ limits: LIMITS, check: 'whole', isOperation: () => false });
        scanner.write('<s:Envelope xmlns:s="${SOAP11}"><s:Body><a>' + start);
        const chunk = piece.repeat(64 * 1024 / piece.length);
        for (let sent = 0; sent < ${10 * MIB}; sent += chunk.length) scanner.write(chunk);
        scanner.write(end + '</a></s:Body></s:Envelope>');
        answers.push(scanner.end().kind);
      }
      parentPort.postMessage(answers);
    })();`;
  const worker = new Worker(code, {
    eval: true,
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16 },
  });
  const [answers] = (await once(worker, 'message')) as [string[]];
  expect(answers).toEqual(['found', 'found', 'found', 'found', 'found']);
  await worker.terminate();
});

describe('a bomb in gzip', () => {
  const headers = { 'Content-Type': 'text/xml', 'Content-Encoding': 'gzip' };
  test.each<[string, string, string]>([
    ['of text', 'GW_SOAP_TOO_LARGE', within(fill('x', 50 * MIB))],
    ['of elements', 'GW_SOAP_TOO_LARGE', within(fill('<a/>', 20 * MIB))],
    ['of levels', 'GW_SOAP_LIMIT', within(fill('<a>', 20 * MIB))],
    ['of white space before anything', 'GW_SOAP_HEAD_TOO_LARGE', fill(' ', 20 * MIB)],
  ])('%s is refused: %s', async (_what, expected, xml) => {
    const started = performance.now();
    expect((await settle({ headers, body: gzipSync(xml) })).verdict).toBe(expected);
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
  });

  test('in a bomb is not opened', async () => {
    expect((await settle({ headers, body: gzipSync(gzipSync(within(fill('x', MIB)))) })).verdict).toMatch(
      /^GW_SOAP_(CHARSET|MALFORMED)$/,
    );
  });
});

describe('whatever comes', () => {
  const samples = Object.values(SAMPLES).map(({ xml }) => Buffer.from(xml));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)),
    fc
      .tuple(fc.constantFrom(...samples), fc.nat(), fc.uint8Array({ maxLength: 5 }))
      .map(([sample, at, noise]) =>
        Buffer.concat([
          sample.subarray(0, at % sample.length),
          Buffer.from(noise),
          sample.subarray((at % sample.length) + noise.length),
        ]),
      ),
  );
  const types = [
    'text/xml',
    'application/soap+xml; charset=utf-8',
    'multipart/related; boundary=a',
    'text/xml; charset=utf-16',
    'application/json',
    '; ;=',
    '',
  ];
  const header = fc.oneof(
    fc.record({ name: fc.constant('Content-Type'), value: fc.constantFrom(...types) }),
    fc.record({
      name: fc.constant('Content-Encoding'),
      value: fc.constantFrom('gzip', 'br', 'deflate', 'identity', 'x'),
    }),
    fc.record({
      name: fc.constantFrom('SOAPAction', 'content-type', 'Content-Length'),
      value: fc.string({ maxLength: 30 }),
    }),
  );

  test('is answered, never thrown', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(bytes, fc.array(header, { maxLength: 3 }), fc.boolean(), async (body, headers, mime) => {
        const content = mime ? Buffer.concat([Buffer.from('--a\r\n\r\n'), body, Buffer.from('\r\n--a--')]) : body;
        const rawHeaders = headers.flatMap(({ name, value }) => [name, value]);
        const answer = await identify({ method: 'POST', rawHeaders, body: streamOf([content]) }, orders, {
          check: 'whole',
          actionMismatch: 'refuse',
          timeoutMs: 20_000,
        });
        seen.add(answer.kind);
        if (answer.kind === 'refused') seen.add(answer.because);
        expect(answer.kind === 'refused' ? Object.keys(SOAP_CODES) : [answer.kind]).toContain(
          answer.kind === 'refused' ? answer.because : answer.kind,
        );
      }),
      { numRuns: 2000 },
    );
    // The generator reaches what it is meant to reach.
    for (const kind of [
      'operation',
      'unclassified',
      'GW_SOAP_MALFORMED',
      'GW_SOAP_CHARSET',
      'GW_SOAP_COMPRESSION',
      'GW_SOAP_HEADERS',
    ]) {
      expect(seen).toContain(kind);
    }
  });
});
