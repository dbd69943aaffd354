import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHttp, parseNdjson } from '@banyan/gateway/core/corpus';

const one = (text: string): unknown => {
  const { requests, problems } = parseHttp(text);
  expect(problems).toEqual([]);
  expect(requests).toHaveLength(1);
  return requests[0];
};

describe('.http files', () => {
  test('hold several requests, with names, headers and bodies', () => {
    const text = `
@id = 42
# a comment
### an order
GET /api/orders/{{id}}?x={{ id }} HTTP/1.1
accept: application/json
# a comment between headers
X-Id: {{id}}

### a search
// another comment
POST /api/search
content-type: application/json

{
  "id": {{id}}
}

### empty
###
/api/bare
`;
    expect(parseHttp(text.replaceAll('\n', '\r\n'))).toEqual({
      problems: [],
      requests: [
        {
          name: 'an order',
          method: 'GET',
          target: '/api/orders/42?x=42',
          headers: [
            ['accept', 'application/json'],
            ['X-Id', '42'],
          ],
          body: null,
          line: 5,
        },
        {
          name: 'a search',
          method: 'POST',
          target: '/api/search',
          headers: [['content-type', 'application/json']],
          body: '{\n  "id": 42\n}',
          line: 12,
        },
        { name: 'GET /api/bare', method: 'GET', target: '/api/bare', headers: [], body: null, line: 21 },
      ],
    });
  });

  test.each([
    ['a path as it is written', 'GET /a%2Fb/%zz/%31?q=+%20&&=', '/a%2Fb/%zz/%31?q=+%20&&='],
    ['dots are not resolved', 'GET /a/../b/./c', '/a/../b/./c'],
    ['slashes are not joined', 'GET //a///b', '//a///b'],
    ['what HTTP cannot carry is encoded', 'GET /ä/a b?ü=😀', '/%C3%A4/a%20b?%C3%BC=%F0%9F%98%80'],
    ['an address without its origin', 'GET http://localhost:8080/a?b', '/a?b'],
    ['an address without a path', 'GET https://localhost', '/'],
    ['a host that is not defined', 'GET {{host}}/a', '/a'],
    ['a host that is defined', '@host = http://localhost:8080\n\nGET {{host}}/a', '/a'],
    ['a query over several lines', 'GET /a\n  ?b=1\n  &c=2', '/a?b=1&c=2'],
    ['variables made of variables', '@a = 1\n@b = {{a}}{{a}}\nGET /{{b}}', '/11'],
    ['a byte order mark', '\uFEFFGET /a', '/a'],
  ])('%s', (_name, text, target) => {
    expect(one(text)).toMatchObject({ target });
  });

  test.each([
    ['### the separator’s\nGET /a', 'the separator’s'],
    ['### \n# @name named\nGET /a', 'named'],
    ['#### four\nGET /a', 'four'],
    ['HEAD /a', 'HEAD /a'],
  ])('the name of %j is %s', (text, name) => {
    expect(one(text)).toMatchObject({ name });
  });

  test('notes behind a request without a body are no body', () => {
    expect(one('GET /a\n\n# a note\n\n// another')).toMatchObject({ body: null });
    expect(one('POST /a\n\n# a heading')).toMatchObject({ body: '# a heading' });
  });

  test('"@name = value" within a body is the body’s', () => {
    expect(parseHttp('POST /a\nx: y\n\nz\n').requests[0]?.body).toBe('z');
    expect(parseHttp('POST /a\n\n@q = 1\n### b\nGET /{{q}}').problems).toEqual([
      { line: 5, message: expect.stringContaining('{{q}} is not defined') as string },
    ]);
    expect(parseHttp('POST /a\n\n@q = 1').requests[0]?.body).toBe('@q = 1');
  });

  test.each([
    ['get /a', 1, 'expected a request line, such as "GET /api/orders/1", not "get /a"'],
    ['GET', 1, 'expected a path that begins with "/" behind GET, not ""'],
    ['GET api/orders', 1, 'expected a path that begins with "/" behind GET, not "api/orders"'],
    ['### x\n\nGET /{{nope}}', 3, 'the variable {{nope}} is not defined'],
    ['GET /{{host}}', 1, 'the variable {{host}} is not defined'],
    ['GET /{{$guid}}', 1, 'the variable {{$guid}} is not defined'],
    ['@a = {{b}}\nGET /', 1, 'the variable {{b}} is not defined'],
    ['GET /a\nno header', 2, 'expected a header, such as "accept: text/xml", not "no header"'],
    ['POST /a\n\n< ./file.json', 3, 'files and scripts'],
    ['POST /a\n\n> {% client.test() %}', 3, 'files and scripts'],
  ])('%j: line %i: %s', (text, line, message) => {
    const { problems } = parseHttp(text);
    expect(problems).toEqual([{ line, message: expect.stringContaining(message) as string }]);
  });

  test('a problem in one request leaves the others readable', () => {
    const { requests, problems } = parseHttp('### a\nGET /a\n### b\nGOT\n### c\nGET /c');
    expect(requests.map(({ name }) => name)).toEqual(['a', 'c']);
    expect(problems).toHaveLength(1);
  });

  test('no text makes the reader throw', () => {
    const scraps = ['###', ' x', 'GET ', '/a', '\n', '\n\n', '@a = ', '{{', '}}', 'a', ':', '#', '< ', '\uD800'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...scraps), { maxLength: 15 }), (parts) => {
        for (const { target } of parseHttp(parts.join('')).requests) expect(target).toMatch(/^\/[!-~]*$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('NDJSON', () => {
  test('holds a request a line', () => {
    const text = [
      '{"path":"/a"}',
      '',
      '{"name":"b","method":"HEAD","path":"/b?x=%zz","headers":{"accept":"*/*"}}\r',
      '{"method":"POST","path":"/c","headers":[["a","1"],["a","2"]],"body":"x"}',
    ].join('\n');
    expect(parseNdjson(text)).toEqual({
      problems: [],
      requests: [
        { name: 'GET /a', method: 'GET', target: '/a', headers: [], body: null, line: 1 },
        { name: 'b', method: 'HEAD', target: '/b?x=%zz', headers: [['accept', '*/*']], body: null, line: 3 },
        {
          name: 'POST /c',
          method: 'POST',
          target: '/c',
          headers: [
            ['a', '1'],
            ['a', '2'],
          ],
          body: 'x',
          line: 4,
        },
      ],
    });
  });

  test.each([
    ['{', 'not JSON'],
    ['[]', 'expected an object'],
    ['{}', '"path" must be a string that begins with "/"'],
    ['{"path":"a"}', '"path" must be a string that begins with "/"'],
    ['{"path":"/a","url":"/b"}', 'unknown key "url"'],
    ['{"path":"/a","method":"G T"}', '"method" must be a method'],
    ['{"path":"/a","name":1}', '"name" must be a string'],
    ['{"path":"/a","body":{}}', '"body" must be a string'],
    ['{"path":"/a","headers":{"a":1}}', '"headers" must be'],
    ['{"path":"/a","headers":[["a"]]}', '"headers" must be'],
    ['{"path":"/a","headers":{"a b":"1"}}', '"headers" must be'],
    ['{"path":"/a","headers":{"a":"1\\r\\nb: 2"}}', '"headers" must be'],
  ])('%s: %s', (text, message) => {
    expect(parseNdjson(text).problems).toEqual([{ line: 1, message: expect.stringContaining(message) as string }]);
  });
});
