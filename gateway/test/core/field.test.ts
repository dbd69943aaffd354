import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { homeward, onward, requestIdOf, see, traceOf, type Additions, type Fields } from '@banyan/gateway/core/field';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const additions: Additions = {
  came: {
    address: '192.0.2.7',
    scheme: 'https',
    host: 'shop.example:8080',
    told: true,
    chain: '192.0.2.7, 10.0.0.1',
    forwarded: 'for=192.0.2.7',
  },
  requestId: 'own-id',
  traceparent: TRACE,
  set: [],
  drop: new Set(),
};

const sent = (fields: Fields, more: Partial<Additions> = {}): string[] =>
  onward(fields, see(fields), { ...additions, ...more });

/** The values of one name, in order. */
function values(fields: Fields, name: string): string[] {
  return fields.filter((_, index) => index % 2 === 1 && fields[index - 1]?.toLowerCase() === name);
}

const names = (fields: Fields): string[] =>
  fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'http2-settings',
];

describe('fields on their way to an upstream', () => {
  test('keep their order, spelling and repetition', () => {
    const fields = ['Host', 'shop.example', 'X-B', '1', 'x-a', '2', 'X-B', '3', 'Cookie', 'a=1', 'cookie', 'b=2'];
    expect(sent(fields).slice(0, fields.length)).toEqual(fields);
  });

  test.each(HOP_BY_HOP)('%s stays behind', (name) => {
    expect(names(sent(['host', 'h', name.toUpperCase(), 'x', 'accept', '*/*']))).not.toContain(name);
    expect(names(homeward([name, 'x', 'date', 'now'], []))).toEqual(['date']);
  });

  test('what Connection lists stays behind, both ways and however it is written', () => {
    const fields = [
      'connection',
      'close, X-Hop ,',
      'Connection',
      'x-other',
      'x-hop',
      '1',
      'X-Other',
      '2',
      'x-kept',
      '3',
    ];
    expect(names(sent(fields))).not.toContain('x-hop');
    expect(names(sent(fields))).not.toContain('x-other');
    expect(values(sent(fields), 'x-kept')).toEqual(['3']);
    expect(homeward(fields, [])).toEqual(['x-kept', '3']);
  });

  test('what Connection lists with an underscore stays behind too', () => {
    expect(homeward(['connection', 'x_hop', 'X_Hop', '1', 'x-kept', '2'], [])).toEqual(['x-kept', '2']);
  });

  test.each(['host', 'content-length', 'content-type', 'content-encoding', 'authorization', 'cookie'])(
    'Connection cannot take %s away',
    (name) => {
      expect(values(sent(['connection', `close, ${name}`, name, 'kept']), name)).toEqual(['kept']);
    },
  );

  test.each([
    'banyan-fence',
    'Banyan-Override',
    'BANYAN-SERVED-BY',
    'banyan-',
    'Banyan_Override',
    'forwarded',
    'x-forwarded-for',
    'X-Forwarded-Host',
    'x-forwarded-proto',
    'x-forwarded-port',
    'x-forwarded-prefix',
    'X-Forwarded-Ssl',
    'x-forwarded-anything-else',
    'X_Forwarded_For',
    'x-real-ip',
    'X_Real_Ip',
  ])('a client does not say %s', (name) => {
    expect(sent([name, 'spoofed'])).not.toContain('spoofed');
  });

  test('the facade says who asked, by what name, and under which id', () => {
    const fields = sent([
      'Host',
      'inner',
      'x-forwarded-for',
      '10.0.0.9',
      'Forwarded',
      'for=_x',
      'x-request-id',
      'theirs',
    ]);
    expect(values(fields, 'x-forwarded-for')).toEqual(['192.0.2.7, 10.0.0.1']);
    expect(values(fields, 'x-forwarded-host')).toEqual(['shop.example:8080']);
    expect(values(fields, 'x-forwarded-proto')).toEqual(['https']);
    expect(values(fields, 'forwarded')).toEqual(['for=192.0.2.7']);
    expect(values(fields, 'x-request-id')).toEqual(['own-id']);
    expect(values(fields, 'traceparent')).toEqual([TRACE]);
    const nameless = sent([], { came: { ...additions.came, host: null } });
    expect(values(nameless, 'x-forwarded-host')).toEqual([]);
  });

  test.each(['Content_Length', 'CONTENT_TYPE', 'content_encoding', 'Transfer_Encoding', 'Proxy_Authorization'])(
    'a second spelling of what frames or names a message (%s) stays behind',
    (name) => {
      const fields = sent(['Host', 'h', 'Content-Length', '1', name, 'second', 'x_own', 'kept']);
      expect(values(fields, name.toLowerCase())).toEqual([]);
      expect(values(fields, 'content-length')).toEqual(['1']);
      expect(values(fields, 'x_own')).toEqual(['kept']);
    },
  );

  test('the state of a trace goes on with that trace, and not with one that the facade has started', () => {
    const state = ['tracestate', 'vendor=1', 'Tracestate', 'other=2'];
    expect(values(sent(['traceparent', TRACE, ...state]), 'tracestate')).toEqual(['vendor=1', 'other=2']);
    expect(values(sent(['traceparent', 'nonsense', ...state]), 'tracestate')).toEqual([]);
    expect(values(sent(state), 'tracestate')).toEqual([]);
  });

  test("a route's own headers replace the caller's, each once", () => {
    const fields = sent(['x-tenant', 'a', 'X-Tenant', 'b', 'X_Tenant', 'b', 'Host', 'h'], {
      set: [
        ['X-Tenant', 'c'],
        ['host', 'new'],
      ],
    });
    expect(values(fields, 'x-tenant')).toEqual(['c']);
    // To servers that make variables of fields it is the same one.
    expect(values(fields, 'x_tenant')).toEqual([]);
    expect(values(fields, 'host')).toEqual(['new']);
  });

  test('what a pipeline drops does not go on', () => {
    expect(
      names(sent(['Accept-Encoding', 'gzip', 'Range', 'bytes=0-'], { drop: new Set(['accept-encoding', 'range']) })),
    ).not.toEqual(expect.arrayContaining(['accept-encoding']));
  });
});

describe('fields on their way back', () => {
  test("lose the upstream's claims about the facade and its id, and gain the facade's own", () => {
    const back = homeward(
      ['Banyan-Served-By', 'new', 'X-Request-Id', 'theirs', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'ETag', 'x'],
      ['banyan-served-by', 'legacy', 'x-request-id', 'own'],
    );
    expect(back).toEqual([
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'ETag',
      'x',
      'banyan-served-by',
      'legacy',
      'x-request-id',
      'own',
    ]);
  });
});

describe('whatever arrives', () => {
  const name = fc.oneof(
    fc.constantFrom(
      ...HOP_BY_HOP,
      'banyan-x',
      'x-forwarded-for',
      'x-forwarded-new',
      'forwarded',
      'x-a',
      'x-b',
      'host',
      'cookie',
    ),
    fc.stringMatching(/^[a-z_-]{1,12}$/),
  );
  const spelt = fc.tuple(name, fc.array(fc.boolean(), { maxLength: 20 })).map(([text, high]) =>
    text
      .split('')
      .map((letter, index) => (high[index] === true ? letter.toUpperCase() : letter))
      .join(''),
  );
  const value = fc.oneof(
    fc.string(),
    fc.array(name, { maxLength: 4 }).map((list) => list.join(', ')),
  );
  const fields = fc.array(fc.tuple(spelt, value), { maxLength: 15 }).map((pairs) => pairs.flat());

  test('no field of one connection and none that Connection lists ever crosses, either way', () => {
    const guarded = new Set(['host', 'content-length', 'content-type', 'content-encoding', 'authorization', 'cookie']);
    fc.assert(
      fc.property(fields, (arrived) => {
        const listed = values(arrived, 'connection').flatMap((text) =>
          text.split(',').map((part) => part.trim().toLowerCase()),
        );
        const ours = new Set([
          'x-forwarded-for',
          'x-forwarded-proto',
          'x-forwarded-host',
          'forwarded',
          'x-request-id',
          'traceparent',
        ]);
        for (const crossed of [sent(arrived), homeward(arrived, [])]) {
          const kept = names(crossed);
          expect(crossed.length % 2).toBe(0);
          for (const hop of HOP_BY_HOP) expect(kept).not.toContain(hop);
          expect(kept.filter((each) => listed.includes(each) && !guarded.has(each) && !ours.has(each))).toEqual([]);
          expect(kept.filter((each) => each.startsWith('banyan-'))).toEqual([]);
        }
        expect(values(sent(arrived), 'x-forwarded-for')).toEqual(['192.0.2.7, 10.0.0.1']);
        expect(values(sent(arrived), 'forwarded')).toEqual(['for=192.0.2.7']);
        expect(names(sent(arrived)).filter((each) => each.startsWith('x-forwarded-'))).toHaveLength(3);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what the facade reads of a request', () => {
  test('takes the first of several, whatever the spelling', () => {
    const seen = see([
      'HOST',
      'a',
      'host',
      'b',
      'Content-Length',
      '3',
      'Transfer-Encoding',
      'chunked',
      'X-REQUEST-ID',
      'i',
    ]);
    expect(seen).toMatchObject({ host: 'a', requestId: 'i', traceparent: null, contentLength: '3', chunked: true });
    expect(see([])).toEqual({
      host: null,
      requestId: null,
      traceparent: null,
      contentLength: null,
      chunked: false,
      via: false,
      flaw: null,
    });
  });

  test.each(['forwarded', 'X-Forwarded-For', 'x-forwarded-host', 'X-FORWARDED-PROTO'])(
    'hears of a proxy in front by %s',
    (name) => {
      expect(see([name, '']).via).toBe(true);
    },
  );

  test.each(['accept-language', 'accept-encoding', 'x-forwarded-xor', 'x_forwarded_for', 'transfer-encoding'])(
    'hears of no proxy by %s',
    (name) => {
      expect(see([name, '1']).via).toBe(false);
    },
  );

  test.each<[string, Fields, string | null]>([
    ['one of each', ['Host', 'a', 'Content-Length', '0'], null],
    ['chunks', ['Transfer-Encoding', 'Chunked'], null],
    ['two hosts', ['Host', 'a', 'HOST', 'a'], 'A request names one Host.'],
    ['two lengths', ['content-length', '1', 'Content-Length', '1'], 'A request has one Content-Length, a number.'],
    ...['+1', '-1', '', '1,1', '1 ', '0x1', '1e3', '1'.repeat(16)].map((length): [string, Fields, string] => [
      `a length of ${JSON.stringify(length)}`,
      ['content-length', length],
      'A request has one Content-Length, a number.',
    ]),
    ['both', ['content-length', '1', 'transfer-encoding', 'chunked'], 'A body is chunked or has a length, never both.'],
    [
      'both, the other way',
      ['transfer-encoding', 'chunked', 'content-length', '1'],
      'A body is chunked or has a length, never both.',
    ],
    ...['gzip, chunked', 'xchunked', 'identity', '', 'chunked;a=b', '"chunked"', 'chunked, chunked'].map(
      (coding): [string, Fields, string] => [
        `a coding of ${JSON.stringify(coding)}`,
        ['transfer-encoding', coding],
        'The only transfer coding that is taken is chunked.',
      ],
    ),
    [
      'two codings',
      ['transfer-encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
      'The only transfer coding that is taken is chunked.',
    ],
  ])('could be read in two ways or not: %s', (_what, fields, flaw) => {
    expect(see(fields).flaw).toBe(flaw);
  });

  test.each([
    ['a1-b2_c.d~e:f/g+h=i@j', true],
    ['x'.repeat(128), true],
    ['x'.repeat(129), false],
    ['', false],
    ['a b', false],
    ['a\r\nb', false],
    ['a\n', false],
    ['"a"', false],
    ['é', false],
    ['<script>', false],
  ])('%j is an id that may be logged and passed on: %j', (id, fine) => {
    expect(requestIdOf(see(['x-request-id', id]))).toBe(fine ? id : null);
  });

  test.each([
    [TRACE, true],
    [TRACE.replace(/01$/, '00'), true],
    [TRACE.replace(/^00/, '01'), true],
    [TRACE.replace(/^00/, 'ff'), false],
    [TRACE.toUpperCase(), false],
    [TRACE.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32)), false],
    [TRACE.replace('b7ad6b7169203331', '0'.repeat(16)), false],
    [`${TRACE}-extra`, false],
    [TRACE.slice(0, -1), false],
    [`${TRACE}\n`, false],
    [` ${TRACE}`, false],
    ['', false],
  ])('traceparent %j is valid: %j', (traceparent, valid) => {
    expect(traceOf(see(['traceparent', traceparent]))).toBe(valid ? traceparent : null);
  });
});
