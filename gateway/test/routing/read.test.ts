import { describe, expect, test } from 'vitest';
import { readRouting, type Environment, type Loaded } from '@banyan/gateway/routing';
import { EXAMPLE, small } from './example.ts';

const TODAY = '2026-11-24';
const read = (text: string, env: Environment = {}): Loaded => readRouting(text, env, TODAY);

/** `line:column message` of everything wrong; a file that is accepted has nothing wrong. */
function wrong(text: string, env: Environment = {}): string[] {
  const loaded = read(text, env);
  return loaded.kind === 'accepted' ? [] : loaded.problems.map(said);
}

function warned(text: string, env: Environment = {}): string[] {
  const loaded = read(text, env);
  if (loaded.kind === 'rejected') throw new Error(loaded.problems.map(said).join('\n'));
  return loaded.warnings.map(said);
}

function table(text: string, env: Environment = {}): Extract<Loaded, { kind: 'accepted' }>['table'] {
  const loaded = read(text, env);
  if (loaded.kind === 'rejected') throw new Error(loaded.problems.map(said).join('\n'));
  return loaded.table;
}

const said = ({ line, column, message }: { line: number; column: number; message: string }): string =>
  `${line}:${column} ${message}`;

describe('a file with many mistakes', () => {
  const text = `version: 2
upstreams:
  legacy: http://127.0.0.1:8081
  orders: { url: http://127.0.0.1:8082, timeout: { headers: 5 } }
default: legcay
routs: {}
routes:
  order-get:
    match: GET /api/orders/:orderId
    stage: nwe
    new: ordres
  order-list:
    match: get /api/orders
    stage: legacy
    fallbak: never
  order-show:
    match: GET /api/orders/:id
    stage: legacy
  order-create:
    stage: new
    effect: wriet
  order-old:
    match: GET /old
    stage: gone
    gone: \${NO_SUCH_VARIABLE}
  order-old:
    match: GET /older
    stage: canary
    new: orders
differences:
  precise:
    routes: [order-gte]
    at: pickupDate
    allow: same instand
    why: none
    owner: orders-team
    until: 2027-02-30
`;

  test('has all of them told at once, each at its line and column', () => {
    expect(wrong(text)).toEqual([
      '1:10 version: expected 1: the only version of this file there is, found "2"',
      '4:61 upstreams.orders.timeout.headers: expected text, found "5"',
      '5:10 default: no upstream is named "legcay"; did you mean "legacy"?',
      '6:1 routs: unknown key; did you mean "routes"?',
      expect.stringMatching(/^10:12 routes\.order-get\.stage: expected a stage: .*, found "nwe"$/),
      '11:10 routes.order-get.new: no upstream is named "ordres"; did you mean "orders"?',
      '13:12 routes.order-list.match: "get" is not a method: write GET, several as GET|HEAD, or ANY',
      '15:5 routes.order-list.fallbak: unknown key; did you mean "fallback"?',
      '17:12 routes.order-show.match: matches the same requests as route "order-get" (line 8): GET /api/orders/:id',
      '19:3 routes.order-create.match: missing: expected text',
      '20:12 routes.order-create.stage: stage "new" needs "new:", the upstream that takes over',
      expect.stringMatching(/^21:13 routes\.order-create\.effect: expected .*read.*write.*, found "wriet"$/),
      expect.stringMatching(
        /^25:11 "\$\{NO_SUCH_VARIABLE\}" names NO_SUCH_VARIABLE, which the environment does not set/,
      ),
      '26:3 "order-old" stands here twice',
      '28:12 routes.order-old.stage: "canary" is no stage: canary needs a percentage from 0% to 100%, such as "canary 10%"',
      '32:14 differences.precise.routes.0: no route is named "order-gte"; did you mean "order-get"?',
      expect.stringMatching(/^33:9 differences\.precise\.at: /),
      expect.stringMatching(/^34:12 differences\.precise\.allow: /),
      '37:12 differences.precise.until: "2027-02-30" is not a day of the calendar',
    ]);
  });

  test('has no mistakes invented that only follow from another', () => {
    expect(
      wrong(
        small(
          '  b: { match: 5, stage: legacy }\ndifferences:\n  d: { routes: [b], at: $.x, allow: anything, why: w, owner: o, until: 2027-01-01 }\n',
        ),
      ),
    ).toEqual(['8:15 routes.b.match: expected text, found "5"']);
    expect(
      wrong(
        small(
          '  b: 5\ndifferences:\n  d: { routes: [b], at: $.x, allow: anything, why: w, owner: o, until: 2027-01-01 }\n',
        ),
      ),
    ).toEqual(['8:6 routes.b: expected a map, found "5"']);
    expect(
      wrong(small('  b: { match: GET /b, stage: gnoe, gone: Use /v2., new: { upstream: orders, path: /x/:y } }\n')),
    ).toEqual([
      expect.stringContaining('routes.b.stage: expected a stage'),
      '8:83 routes.b.new.path: ":y" is not a parameter of "match"',
    ]);
    expect(wrong(small('  b: { match: [GET], stage: legacy, new: { upstream: orders, path: /x/:y } }\n'))).toEqual([
      '8:15 routes.b.match: expected text',
    ]);
    expect(
      wrong(
        small()
          .replace('legacy: http://127.0.0.1:8081', 'legacy: nonsense')
          .replace('default: legacy', 'default: [legacy]'),
      ),
    ).toEqual([
      expect.stringContaining('3:11 upstreams.legacy: expected an origin'),
      expect.stringContaining('5:10 default: expected'),
    ]);
  });

  test('has so many told as somebody may read, in time that a facade can spare', () => {
    const many = `${small()}${Array.from({ length: 4_000 }, (_, index) => `  r${index}: { stage: 1 }\n`).join('')}`;
    const problems = wrong(many);
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toMatch(/and 7800 more, from here on$/);
  });
});

describe('names', () => {
  test('an unknown upstream is told with the nearest that there is', () => {
    expect(wrong(small('  b: { match: GET /b, stage: new, new: odrers }\n'))).toEqual([
      '8:40 routes.b.new: no upstream is named "odrers"; did you mean "orders"?',
    ]);
    expect(wrong(small('  b: { match: GET /b, stage: new, new: { upstream: billing } }\n'))).toEqual([
      '8:52 routes.b.new.upstream: no upstream is named "billing"; expected one of legacy, orders',
    ]);
    expect(wrong(small('  b: { match: GET /b, stage: new, new: legacy }\n'))).toEqual([
      '8:40 routes.b.new: "legacy" is the default: new must be another upstream',
    ]);
  });

  test('two routes that would take the same requests are told with both their names', () => {
    expect(
      wrong(
        small(
          "  b: { match: 'GET|POST /api/orders/:id', stage: legacy }\n  c: { match: 'ANY /api/%6Frders/:x', stage: legacy }\n",
        ),
      ),
    ).toEqual([
      '8:15 routes.b.match: matches the same requests as route "order-get" (line 7): GET|POST /api/orders/:id',
    ]);
    expect(
      wrong(
        small('  b: { match: "SOAP /s {u}Get", stage: legacy }\n  c: { match: "SOAP /s {u}Get", stage: legacy }\n'),
      ),
    ).toEqual(['9:15 routes.c.match: matches the same requests as route "b" (line 8): SOAP /s {u}Get']);
  });

  test.each([
    ['a route', small('  __proto__: { match: GET /a, stage: nonsense }\n'), '8:3'],
    ['an upstream', small().replace('  orders:', '  __proto__: http://127.0.0.1:1\n  orders:'), '4:3'],
    ['a top-level key', `${small()}__proto__: { routes: {} }\n`, '8:1'],
    [
      'a header',
      small('  b: { match: GET /b, stage: new, new: { upstream: orders, headers: { __proto__: x } } }\n'),
      '8:71',
    ],
  ])('%s called __proto__ is refused, not dropped', (_name, text, place) => {
    expect(wrong(text)).toEqual([`${place} "__proto__" is not a name`]);
    expect(Object.prototype).not.toHaveProperty('routes');
  });

  test('the names of what every object has are names like any other', () => {
    const text = small().replace('  orders:', '  toString: http://127.0.0.1:1\n  orders:');
    const { routes, upstreams } = table(`${text}  constructor: { match: GET /b, stage: new, new: toString }\n`);
    expect(routes.map(({ id }) => id)).toEqual(['order-get', 'constructor']);
    expect(upstreams.get('toString')?.urls).toEqual(['http://127.0.0.1:1']);
    expect(wrong(small('  hasOwnProperty: { match: GET /b, stage: new, new: valueOf }\n'))).toHaveLength(1);
  });

  test.each(['"bad name"', '-a', '"a.b"', 'ä', '""', 'x'.repeat(65)])('%s is no name for a route', (name) => {
    expect(wrong(small(`  ${name}: { match: GET /b, stage: legacy }\n`))).toEqual([
      expect.stringMatching(/^8:3 routes\..*: expected a name of letters, digits, "-" and "_"/),
    ]);
  });

  test('no route is called default: that is what answers and metrics call what no route names', () => {
    expect(wrong(small('  default: { match: GET /b, stage: legacy }\n'))).toEqual([
      expect.stringContaining('routes.default: "default" is not a name for a route'),
    ]);
  });

  test('a key that stands twice is told at its second place', () => {
    expect(wrong(small("  order-get: { match: 'GET /b', stage: legacy }\n"))).toEqual([
      '8:3 "order-get" stands here twice',
    ]);
    expect(wrong(`${small()}version: 1\n`)).toEqual(['8:1 "version" stands here twice']);
  });
});

describe('what the file may say and this version cannot do', () => {
  test('is refused by name and line, every key of it, and never ignored', () => {
    const place = (needle: string): string => {
      const lines = EXAMPLE.split('\n');
      const line = lines.findIndex((text) => text.includes(needle));
      return `${line + 1}:${(lines[line] ?? '').indexOf(needle.trim()) + 1}`;
    };
    expect(wrong(EXAMPLE)).toEqual([
      `${place('readModels:')} readModels: "readModels" is not supported yet: remove it`,
      `${place('    fresh:')} routes.order-get.fresh: "fresh" is not supported yet: remove it`,
      `${place('noise: 5%')} routes.order-get.parity.noise: "noise" is not supported yet: remove it`,
      '38:5 routes.order-create.writes: "writes" is not supported yet: remove it',
      '44:5 routes.order-book.writes: "writes" is not supported yet: remove it',
    ]);
  });

  test('is all that is wrong with the whole example: without it, the example is accepted', () => {
    const without = EXAMPLE.split('\n')
      .filter((line) => !/^ {4}(fresh|parity|writes)/.test(line))
      .filter((line) => !/^(readModels:| {2}orders: \{ upstream)/.test(line))
      .join('\n');
    expect(warned(without)).toEqual([
      expect.stringMatching(/^\d+:5 routes\.order-get\.guard: validated, not active yet$/),
      expect.stringMatching(/^\d+:5 routes\.order-get\.promote: validated, not active yet$/),
    ]);
    const { routes, upstreams, differences } = table(without);
    expect(routes.map(({ id, effect, line }) => [id, effect, line])).toEqual([
      ['order-get', 'read', expect.any(Number)],
      ['order-create', 'write', expect.any(Number)],
      ['order-book', 'write', expect.any(Number)],
      ['soap-get-order', 'read', expect.any(Number)],
    ]);
    expect(upstreams.get('orders')).toEqual({
      name: 'orders',
      urls: ['http://127.0.0.1:8082'],
      timeout: { connectMs: 1_000, headersMs: 5_000, bodyMs: 30_000, totalMs: null },
      connections: 128,
      health: { path: '/readyz', everyMs: 2_000, fall: 3, rise: 2 },
      breaker: { errors: 0.5, volume: 20, windowMs: 10_000, resetMs: 5_000 },
      spare: { perSecond: 100, share: 0.5 },
      host: { kind: 'caller' },
      rewrite: { location: false, cookies: false },
    });
    expect(routes[0]).toMatchObject({
      stage: { kind: 'canary', share: 0.1 },
      sticky: [{ kind: 'header', name: 'x-customer-id' }, { kind: 'cookie', name: 'session' }, { kind: 'ip' }],
      cohort: 'default',
      when: { headers: [['x-beta', 'yes']], cookies: [] },
      owner: null,
      exclusive: false,
    });
    expect(routes[2]).toMatchObject({ owner: { param: 'orderId' }, exclusive: true, sticky: [{ kind: 'ip' }] });
    expect(differences).toHaveLength(1);
  });

  test('a budget of more bytes than a comparison takes', () => {
    const route = (size: string): string =>
      small(`  b: { match: GET /b, stage: shadow, new: orders, parity: { budget: { size: ${size} } } }\n`);
    expect(wrong(route('10MiB'))).toEqual([]);
    expect(wrong(route('11MiB'))).toEqual([
      expect.stringMatching(/^8:\d+ routes\.b\.parity\.budget\.size: expected at most 10MiB/),
    ]);
  });

  test.each(['0s', '2d', '99999999d'])('a budget of a time that no timer holds: %s', (time) => {
    const route = `  b: { match: GET /b, stage: shadow, new: orders, parity: { budget: { time: ${time} } } }\n`;
    expect(wrong(small(route))).toEqual([
      expect.stringMatching(/^8:\d+ routes\.b\.parity\.budget\.time: expected from 1ms to 1d/),
    ]);
  });

  const NOT_YET: readonly (readonly [name: string, text: string, at: string])[] = [
    ['replicas', `${small()}replicas: [http://a:1]\n`, '8:1 replicas'],
    [
      'default.writes',
      small().replace('default: legacy', 'default: { upstream: legacy, writes: [orders] }'),
      '5:30 default.writes',
    ],
    ...['fresh: { readModel: orders, strict: true }', 'writes: [orders]'].map(
      (line) =>
        [
          line,
          small(`  b:\n    match: GET /b\n    stage: legacy\n    ${line}\n`),
          `11:5 routes.b.${line.split(':')[0]}`,
        ] as const,
    ),
    ...['redact: [$..email]', 'confidence: 99%', 'headers: [etag]'].map(
      (line) =>
        [
          line,
          small(`  b:\n    match: GET /b\n    stage: legacy\n    parity: { ${line} }\n`),
          `11:15 routes.b.parity.${line.split(':')[0]}`,
        ] as const,
    ),
  ];
  test.each(NOT_YET)('%s', (_name, text, at) => {
    expect(wrong(text)).toEqual([
      expect.stringMatching(new RegExp(`^${at.replaceAll('.', '\\.')}: .*not supported yet: remove it$`)),
    ]);
  });

  test.each([
    'trustProxy: [10.0.0.0/8, loopback]',
    'forwarder: direct',
    'expose: false',
    'overrides: { secret: 0123456789abcdef }',
    'publicUrl: https://shop.example/base/',
  ])('%s is acted on', (line) => {
    expect(wrong(`${small()}${line}\n`)).toEqual([]);
    expect(table(`${small()}publicUrl: https://shop.example/base/\n`).publicUrl).toBe('https://shop.example/base');
  });
});

describe('the environment', () => {
  test('is put into scalars, never into the text', () => {
    const text = small().replace('8082', '${ORDERS_PORT:-8082}').replace('8081', '${LEGACY_PORT}');
    const { upstreams } = table(text, { LEGACY_PORT: '1' });
    expect([...upstreams.values()].flatMap(({ urls }) => urls)).toEqual([
      'http://127.0.0.1:1',
      'http://127.0.0.1:8082',
    ]);
    const gone = small('  b: { match: GET /b, stage: gone, gone: "${WORDS}" }\n');
    expect(table(gone, { WORDS: 'a: b # "c"\n- ${X}' }).routes[1]?.gone).toBe('a: b # "c"\n- ${X}');
  });

  test.each([
    ['$$', '$'],
    ['$$$$', '$$'],
    ['$5', '$5'],
    ['$', '$'],
    ['$${A}', '${A}'],
    ['${A}', 'a'],
    ['${A}${A}-${B:-b}', 'aa-b'],
    ['${EMPTY}', ''],
    ['${EMPTY:-x}', 'x'],
    ['${B:-}', ''],
    ['${B:-$}', '$'],
    ['${A:-x}', 'a'],
  ])('%s is %j', (written, expected) => {
    const text = small(`  b: { match: GET /b, stage: gone, gone: '-${written}' }\n`);
    expect(table(text, { A: 'a', EMPTY: '' }).routes[1]?.gone).toBe(`-${expected}`);
  });

  test.each(['${', '${A', '${A-b}', '${1}', '${}', '${A B}'])('%s is no variable, and is refused', (written) => {
    expect(wrong(small(`  b: { match: GET /b, stage: gone, gone: '${written}' }\n`), { A: 'a' })).toEqual([
      expect.stringMatching(/^8:42 .* has a "\$\{" that is no variable: write \$\{NAME\}/),
    ]);
  });

  test('a variable that is not set is told with its place, and beside what else is wrong', () => {
    const text = small('  b: { match: GET /b, stage: new, new: ordres }\n').replace('8081', '${LEGACY_PORT}');
    expect(wrong(text)).toEqual([
      '3:11 "http://127.0.0.1:${LEGACY_PORT}" names LEGACY_PORT, which the environment does not set: set it, or write ${LEGACY_PORT:-default}',
      '8:40 routes.b.new: no upstream is named "ordres"; did you mean "orders"?',
    ]);
    expect(wrong(small('  b: { match: GET /b, stage: gone, gone: "${constructor}" }\n'))).toHaveLength(1);
  });

  test('keys are not looked at', () => {
    expect(wrong(small('  ${A}: { match: GET /b, stage: legacy }\n'), { A: 'b' })).toEqual([
      expect.stringContaining('8:3 routes.${A}: expected a name'),
    ]);
  });

  test('what grows beyond any value is refused', () => {
    const text = small(`  b: { match: GET /b, stage: gone, gone: '${'${A}'.repeat(100)}' }\n`);
    expect(wrong(text, { A: 'x'.repeat(1_000) })).toEqual([expect.stringContaining('is too long once replaced')]);
  });
});

describe('secrets', () => {
  test('are not repeated in what is said about them', () => {
    const text = small(
      '  b: { match: GET /b, stage: new, new: { upstream: orders, headers: { authorization: "Bearer tell\\nme" } } }\n',
    )
      .replace('http://127.0.0.1:8081', 'http://bob:tellme@legacy:1')
      .replace('http://127.0.0.1:8082', 'http://bob:tellme@orders:${PORT}');
    const problems = wrong(`${text}overrides: { secret: tellme }\npublicUrl: https://bob:tell/me@shop.example\n`);
    expect(problems).toHaveLength(5);
    expect(problems.join('\n')).not.toMatch(/tell/);
  });
});

describe('values', () => {
  test.each([
    ['http://127.0.0.1:99999', 'expected a host and a port up to 65535'],
    ['http://[::1', 'expected a host and a port up to 65535'],
    ['127.0.0.1:8082', 'expected an origin'],
    ['http://h/path', 'expected an origin'],
    ['ftp://h', 'expected an origin'],
    ['5', 'expected'],
  ])('%s is no upstream', (url, because) => {
    expect(wrong(small().replace('http://127.0.0.1:8082', url))).toEqual([
      expect.stringContaining(`4:11 upstreams.orders: ${because}`),
    ]);
  });

  test.each([
    ['timeout: { connect: 0s }', 'timeout.connect: expected from 1ms to 1d'],
    ['timeout: { headers: 25d }', 'timeout.headers: expected from 1ms to 1d'],
    ['timeout: { body: 30 }', 'timeout.body: expected text'],
    ['timeout: { body: 30sec }', 'timeout.body: expected a duration with its unit'],
    ['breaker: { window: 500ms }', 'breaker.window: expected from 1s'],
    ['breaker: { window: 2d }', 'breaker.window: expected from 1s'],
    ['breaker: { reset: 25d }', 'breaker.reset: expected from 1ms to 1d'],
    ['breaker: { errors: 150% }', 'breaker.errors: expected a percentage from 0% to 100%'],
    ['breaker: { errors: 0.5 }', 'breaker.errors: expected text'],
    ['breaker: { volume: 0 }', 'breaker.volume: expected'],
    ['connections: "10001"', 'connections: expected a number from 1 to 10000'],
    ['connections: 10001', 'connections: expected'],
    ['connections: 1.5', 'connections: expected'],
    ['connection: 5', 'connection: unknown key; did you mean "connections"?'],
  ])('%s is refused', (line, because) => {
    expect(wrong(small().replace('http://127.0.0.1:8082', `{ url: http://127.0.0.1:8082, ${line} }`))).toEqual([
      expect.stringContaining(`upstreams.orders.${because}`),
    ]);
  });

  test('numbers may come from the environment', () => {
    const text = small().replace(
      'http://127.0.0.1:8082',
      '{ url: http://127.0.0.1:8082, connections: "${N}", breaker: { volume: "${N}", errors: 25% } }',
    );
    expect(table(text, { N: '7' }).upstreams.get('orders')).toMatchObject({
      connections: 7,
      breaker: { volume: 7, errors: 0.25 },
    });
    expect(wrong(text, { N: 'many' })).toHaveLength(2);
  });

  test.each(['connection', 'Transfer-Encoding', 'content-length', 'Banyan-Fence', 'te', 'expect', 'banyan_fence'])(
    'a route cannot set %s',
    (name) => {
      expect(
        wrong(small(`  b: { match: GET /b, stage: new, new: { upstream: orders, headers: { ${name}: x } } }\n`)),
      ).toEqual([expect.stringContaining(` routes.b.new.headers.${name}: is not for a route to set`)]);
    },
  );

  test.each([
    ['stage: new', 'stage: stage "new" needs "new:"'],
    ['stage: retired', 'stage: stage "retired" needs "new:"'],
    ['stage: new 5%, new: orders', 'stage: "new 5%" is no stage: only canary and shadow take a percentage'],
    ['stage: canary 150%, new: orders', 'stage: "canary 150%" is no stage: canary needs a percentage from 0% to 100%'],
    ['stage: legacy, new: { upstream: orders, path: "/x/*" }', 'new.path: "*" needs a "*" at the end of "match"'],
    ['stage: legacy, new: { upstream: orders, path: x }', 'new.path: '],
    ['stage: legacy, new: { path: /x }', 'new.upstream: missing: expected text'],
    ['stage: yes', 'stage: expected a stage'],
    ['stage: null', 'stage: expected text'],
    ['stage: [new]', 'stage: expected text'],
  ])('a route with %s is refused', (line, because) => {
    expect(wrong(small(`  b: { match: GET /b, ${line} }\n`))).toEqual([expect.stringContaining(`routes.b.${because}`)]);
  });
});

describe('the text', () => {
  test.each([
    ['nothing', '', '1:1 the file is empty: expected version, upstreams and default'],
    ['comments alone', '# one\n\n# two\n', '1:1 the file is empty: expected version, upstreams and default'],
    ['a list', '- version: 1\n', '1:1 expected a map'],
    ['a sentence', 'hello', '1:1 expected a map, found "hello"'],
    ['two documents', `${small()}---\n${small()}`, '8:1 not valid YAML: Source contains multiple documents'],
    ['a tab', 'version: 1\nroutes:\n\ta: 1\n', '3:1 not valid YAML: Tabs are not allowed'],
    ['an open quote', `${small()}publicUrl: "http://a\n`, '9:1 not valid YAML: Missing closing'],
    ['a wrong indent', 'version: 1\nroutes:\n  a:\n    match: GET /a\n   stage: legacy\n', '5:1 not valid YAML: '],
    ['an unknown tag', small('  b: { match: !env GET /b, stage: legacy }\n'), '8:15 Unresolved tag: !env'],
    ['an unknown alias', small('  b: *c\n'), '8:6 not valid YAML: nothing is called "&c" before this'],
  ])('of %s is refused at the place', (_name, text, expected) => {
    expect(wrong(text)[0]).toContain(expected);
  });

  test('may have Windows line ends and a byte order mark', () => {
    const text = `\uFEFF${small('  b: { match: GET /b, stage: lgacy }\n')}`.replaceAll('\n', '\r\n');
    expect(wrong(text)).toEqual([expect.stringContaining('8:30 routes.b.stage: expected a stage')]);
    expect(wrong(`\uFEFF${small()}`.replaceAll('\n', '\r\n'))).toEqual([]);
  });

  test('may repeat itself with an alias, and what is wrong through it is told where the alias stands', () => {
    const text = small('  b: &b { match: GET /b, stage: legacy }\n  c: *b\n');
    expect(wrong(text)).toEqual(['9:6 routes.c.match: matches the same requests as route "b" (line 8): GET /b']);
  });

  test('cannot grow by aliases of aliases', () => {
    const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const bomb = levels.map(
      (name, at) =>
        `${name}: &${name} [${Array.from({ length: 10 }, () => (at === 0 ? 'x' : `*${levels[at - 1]}`)).join(', ')}]\n`,
    );
    expect(wrong(bomb.join(''))).toEqual([expect.stringContaining('1:1 too many aliases')]);
  });

  test('cannot be deeper than the reader, or larger than a routing file is', () => {
    expect(wrong('['.repeat(20_000))[0]).toContain('not valid YAML');
    expect(wrong(`${small()}${'# comment\n'.repeat(300_000)}`)).toEqual([
      '1:1 a routing file has at most 2097152 bytes, and this one has more',
    ]);
  });

  test('says for whom a stage counts, and every mistake in it at once', () => {
    const route = (more: string): string =>
      small(`  b: { match: 'GET /b/:id', stage: canary 5%, new: orders, ${more} }\n`);
    expect(wrong(route("sticky: ['param:ie', 'header:x y', user]"))).toEqual([
      expect.stringMatching(/^8:81 routes\.b\.sticky\.1: .*expected header:NAME/),
      expect.stringMatching(/^8:95 routes\.b\.sticky\.2: .*expected header:NAME/),
    ]);
    expect(wrong(route("sticky: ['param:ie'], owner: { param: order, legacy: '(a' }, exclusive: true"))).toEqual([
      expect.stringMatching(/^8:36 routes\.b\.stage: an exclusive route cannot be a canary/),
      expect.stringMatching(/^8:69 routes\.b\.sticky\.0: "ie" is not a parameter of "match"; did you mean "id"\?$/),
      expect.stringMatching(
        /^8:98 routes\.b\.owner\.param: "order" is not a parameter of "match"; expected one of id$/,
      ),
      expect.stringMatching(/^8:113 routes\.b\.owner\.legacy: is no regular expression that can be used here/),
    ]);
    expect(table(route('sticky: [claim:realm.user, ip], cohort: reports, when: {}')).routes[1]).toMatchObject({
      sticky: [{ kind: 'claim', path: ['realm', 'user'] }, { kind: 'ip' }],
      cohort: 'reports',
      when: null,
    });
    expect(wrong(`${small()}overrides: { secret: two words of a secret }\n`)).toEqual([
      expect.stringContaining('without blanks'),
    ]);
    const upstream = (more: string): string =>
      small().replace('orders: http://127.0.0.1:8082', `orders: { url: http://127.0.0.1:8082, ${more} }`);
    expect(wrong(upstream('health: { path: "/a b" }'))).toEqual([expect.stringContaining('a path without blanks')]);
    expect(wrong(upstream('host: "a:99999"'))).toEqual([expect.stringContaining('a port up to 65535')]);
    expect(wrong(`${small()}overrides: { secret: short }\n`)).toEqual([
      expect.stringContaining('at least 16 characters'),
    ]);
  });

  test('is named by its hash: the same on every replica', () => {
    expect(read(small()).hash).toBe(read(small(), { A: 'b' }).hash);
    expect(read(small()).hash).not.toBe(read(`${small()}\n`).hash);
    expect(read('nonsense').hash).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('warnings', () => {
  test('of a dangerous plan do not stop it', () => {
    expect(
      warned(
        small(`  b: { match: GET /b, stage: retired, new: orders, fallback: reads }
  c: { match: GET /c, stage: gone }
  d: { match: GET /d, stage: gone, gone: Use /v2. }
  e: { match: POST /e, stage: canary 5%, new: orders }
  f: { match: 'POST /f/:id', stage: canary 5%, new: orders, owner: { param: id, legacy: '^[0-9]+$' } }
  g: { match: GET /g, stage: new, new: orders, when: { cookie: { lab: '1' } } }
differences:
  old: { routes: [b], at: $.x, allow: anything, why: w, owner: o, until: 2026-11-23 }
  last: { routes: [b], at: $.x, allow: anything, why: w, owner: o, until: 2026-11-24 }
`).replace('  orders:', '  spare: http://127.0.0.1:1\n  orders:'),
      ),
    ).toEqual([
      '4:10 upstreams.spare: no route names this upstream',
      expect.stringContaining('9:62 routes.b.fallback: a retired route never falls back'),
      expect.stringContaining('10:30 routes.c.stage: callers get a general sentence'),
      expect.stringContaining('12:31 routes.e.stage: a write in a canary makes entities on both sides'),
      expect.stringContaining('14:54 routes.g.when: counts in a canary only'),
      '16:74 differences.old.until: expired on 2026-11-23: it no longer excuses anything',
    ]);
  });
});
