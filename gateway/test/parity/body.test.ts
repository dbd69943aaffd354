import { createHash } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Body } from '@banyan/gateway/core/answer';
import { readBody } from '@banyan/gateway/parity/body';

const MAX_BYTES = 1000;

function read(bytes: Buffer, type: string | null, encoding: string | null = null): Promise<Body> {
  const headers: Readonly<Record<string, string | null>> = { 'content-type': type, 'content-encoding': encoding };
  return readBody(bytes, (name) => headers[name] ?? null, MAX_BYTES);
}

const text = (value: string): Body => ({ kind: 'text', text: value });
const binary = (bytes: Buffer): Body => ({
  kind: 'binary',
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.length,
});
const latin1 = Buffer.from('é', 'latin1');
const utf8 = Buffer.from('é');
const utf16 = Buffer.from('\uFEFFé', 'utf16le');

describe('charsets', () => {
  test.each<[string, Buffer, string | null, Body]>([
    ['UTF-8 without a word', utf8, 'application/json', text('é')],
    ['as declared', latin1, 'application/json; charset=ISO-8859-1', text('é')],
    ['quoted, in capitals', latin1, 'text/plain; Charset="Latin1"', text('é')],
    ['windows-1252', Buffer.from([0x80]), 'text/plain; charset=windows-1252', text('€')],
    ['UTF-16 by declaration', utf16, 'text/xml; charset=utf-16', text('é')],
    ['UTF-16 of XML by its mark', utf16, 'text/xml', text('é')],
    [
      'XML by its declaration',
      Buffer.from('<?xml version="1.0" encoding=\'ISO-8859-1\'?>é', 'latin1'),
      'application/xml',
      text('<?xml version="1.0" encoding=\'ISO-8859-1\'?>é'),
    ],
    ['a byte order mark is no character', Buffer.from('\uFEFF{}'), 'application/json', text('{}')],
    ['text without a charset may be Latin-1', latin1, 'text/html', text('é')],
    ['bytes without a type that are text', utf8, null, text('é')],
    ['bytes without a type that are not', latin1, null, binary(latin1)],
    ['a charset that nobody knows', utf8, 'text/plain; charset=klingon', binary(utf8)],
    ['other types are digested', utf8, 'image/png', binary(utf8)],
    ['no bytes', Buffer.alloc(0), 'application/json', { kind: 'none' }],
  ])('%s', async (_name, bytes, type, expected) => {
    expect(await read(bytes, type)).toEqual(expected);
  });

  test.each([
    ['application/json', 'utf-8'],
    ['application/json; charset=utf-8', 'utf-8'],
    ['text/plain; charset=utf-8', 'utf-8'],
    ['application/soap+xml', 'utf-8'],
  ])('bytes that are not %s are broken', async (type, charset) => {
    expect(await read(latin1, type)).toEqual({
      kind: 'broken',
      because: `not ${charset}, the charset of its content type`,
    });
  });
});

describe('content encodings', () => {
  const plain = Buffer.from('{"a":1}');

  test.each<[string, Buffer]>([
    ['gzip', gzipSync(plain)],
    ['GZIP', gzipSync(plain)],
    ['deflate', deflateSync(plain)],
    ['br', brotliCompressSync(plain)],
    ['identity', plain],
    ['deflate, gzip', gzipSync(deflateSync(plain))],
  ])('%s is undone', async (encoding, bytes) => {
    expect(await read(bytes, 'application/json', encoding)).toEqual(text('{"a":1}'));
  });

  test('what claims to be gzip and is not is broken', async () => {
    expect(await read(plain, 'application/json', 'gzip')).toMatchObject({ kind: 'broken' });
    expect(await read(gzipSync(plain).subarray(0, 15), 'application/json', 'gzip')).toMatchObject({ kind: 'broken' });
  });

  test('what inflates beyond the limit is too large', async () => {
    expect(await read(gzipSync(Buffer.alloc(MAX_BYTES + 1)), 'text/plain', 'gzip')).toEqual({ kind: 'large' });
    expect(await read(gzipSync(Buffer.alloc(MAX_BYTES, 'a')), 'text/plain', 'gzip')).toMatchObject({ kind: 'text' });
  });

  test('one that nobody knows is digested as it came', async () => {
    expect(await read(plain, 'application/json', 'zstd')).toEqual(binary(plain));
  });
});
