import { describe, expect, test } from 'vitest';
import { actionsOf, isSoap, parseAction, parseMedia, versionOf } from '@banyan/gateway/core/soap/media';

describe('a Content-Type', () => {
  test.each([
    ['text/xml', { type: 'text/xml' }],
    ['  Text/XML ; Charset = "UTF-8" ', { type: 'text/xml', charset: 'UTF-8' }],
    ["application/soap+xml;charset='utf-8'", { type: 'application/soap+xml', charset: 'utf-8' }],
    ['text/xml;charset=utf-8;;action=', { type: 'text/xml', charset: 'utf-8', action: '' }],
    [
      'application/soap+xml; action=http://a.example/x?y=z&w; charset=utf-8',
      { type: 'application/soap+xml', action: 'http://a.example/x?y=z&w', charset: 'utf-8' },
    ],
    ['application/soap+xml; action="a;b\\"c\\\\d"; x', { type: 'application/soap+xml', action: 'a;b"c\\d' }],
    ['text/xml; nonsense; charset=utf-8', { type: 'text/xml', charset: 'utf-8' }],
    ['text/xml; charset="unfinished', { type: 'text/xml', charset: '"unfinished' }],
  ])('%s', (text, { type, ...parameters }) => {
    const media = parseMedia(text);
    expect(media?.type).toBe(type);
    expect(Object.fromEntries(media?.parameters ?? [])).toEqual(parameters);
  });

  test.each(['', ';', 'xml', 'text/', '/xml', 'text/xml, text/xml', 'text xml'])('is none: %j', (text) => {
    expect(parseMedia(text)).toBeNull();
  });

  test('tells of a parameter that came twice, if it is not the same', () => {
    expect(parseMedia('text/xml; charset=a; CHARSET=b')?.twice).toBe('charset');
    expect(parseMedia('text/xml; charset=a; charset=a')?.twice).toBeNull();
  });

  test('takes time in proportion to its length', () => {
    const started = performance.now();
    parseMedia(`text/xml${';a'.repeat(40_000)}`);
    parseMedia(`text/xml;${' '.repeat(80_000)}`);
    parseMedia(`text/xml; a="${'\\"'.repeat(40_000)}`);
    // A quadratic reader needs minutes for these.
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test.each([
    ['text/xml', '1.1', true],
    ['application/soap+xml', '1.2', true],
    ['application/xop+xml; type="text/xml"', '1.1', true],
    ['application/xop+xml; type="application/soap+xml"', '1.2', true],
    ['application/xop+xml', null, true],
    ['multipart/related; type="application/xop+xml"; start-info="text/xml"', null, true],
    ['multipart/related; type="text/xml"', '1.1', true],
    ['application/xml', null, false],
    ['', null, false],
  ])('%s announces version %s', (text, version, soap) => {
    expect(versionOf(parseMedia(text))).toBe(version);
    expect(isSoap(parseMedia(text))).toBe(soap);
  });

  test('has its actions in several places', () => {
    const text =
      'multipart/related; action="a"; type="application/xop+xml; action=b"; start-info="application/soap+xml; action=\\"c\\""';
    expect(actionsOf(parseMedia(text))).toEqual(['a', 'b', 'c']);
  });
});

describe('a SOAPAction', () => {
  test.each([
    ['', { kind: 'none' }],
    ['  ', { kind: 'none' }],
    ['""', { kind: 'none' }],
    ["' '", { kind: 'none' }],
    [' "urn:a" ', { kind: 'action', action: 'urn:a' }],
    ["'urn:a'", { kind: 'action', action: 'urn:a' }],
    ['urn:a,b', { kind: 'action', action: 'urn:a,b' }],
    ['"', { kind: 'several' }],
    ['"urn:a\'', { kind: 'several' }],
    ['"a", "b"', { kind: 'several' }],
  ])('%j', (text, expected) => {
    expect(parseAction(text)).toEqual(expected);
  });
});
