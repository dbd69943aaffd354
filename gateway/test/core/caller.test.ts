import { describe, expect, test } from 'vitest';
import { keyOf, meets } from '@banyan/gateway/core/caller';
import { fieldOf } from '@banyan/gateway/core/flat';
import type { Key } from '@banyan/gateway/core/table';
import { asked } from '../tables.ts';

const token = `Bearer e30.${Buffer.from('{"sub":"C-7"}').toString('base64url')}.x`;
const header = (name: string): Key => ({ kind: 'header', name });
const cookie = (name: string): Key => ({ kind: 'cookie', name });

describe('what tells a caller apart', () => {
  test.each<[string, readonly Key[], readonly string[], string | null]>([
    ['a field, in any spelling', [header('x-customer')], ['X-Customer', 'C-1'], 'C-1'],
    ['the first of two fields', [header('a')], ['a', '1', 'A', '2'], '1'],
    ['a cookie', [cookie('session')], ['Cookie', 'a=b; session=s1; c=d'], 's1'],
    ['a cookie of a second field', [cookie('session')], ['Cookie', 'a=b', 'cookie', 'session=s2'], 's2'],
    ['a quoted cookie', [cookie('session')], ['Cookie', 'session="s3"'], 's3'],
    ['a cookie whose value has an equals sign', [cookie('session')], ['Cookie', 'session=a=b=='], 'a=b=='],
    ['not a cookie whose name ends so', [cookie('id')], ['Cookie', 'session_id=a; xid=b'], null],
    ['not a cookie in another spelling', [cookie('id')], ['Cookie', 'ID=a'], null],
    ['a claim', [{ kind: 'claim', path: ['sub'] }], ['Authorization', token], 'C-7'],
    [
      'a claim behind a scheme in lower case',
      [{ kind: 'claim', path: ['sub'] }],
      ['authorization', token.replace('Bearer', 'bearer')],
      'C-7',
    ],
    ['not a claim of another scheme', [{ kind: 'claim', path: ['sub'] }], ['Authorization', 'Basic abc'], null],
    ['a path parameter', [{ kind: 'param', name: 'orderId' }], [], '42'],
    ['a path parameter in another spelling', [{ kind: 'param', name: 'odd' }], [], 'a b'],
    ['a path parameter that cannot be decoded', [{ kind: 'param', name: 'bad' }], [], '%zz'],
    ['an element of the message', [{ kind: 'soap', path: ['Get', 'id'] }], [], 'the text of Get/id'],
    [
      'the next, where the message does not have it',
      [{ kind: 'soap', path: ['absent'] }, { kind: 'ip' }],
      [],
      '192.0.2.9',
    ],
    ['the next, where it is empty', [{ kind: 'soap', path: ['empty'] }, { kind: 'ip' }], [], '192.0.2.9'],
    ['the address', [{ kind: 'ip' }], [], '192.0.2.9'],
    [
      'the first that is there',
      [header('x-customer'), cookie('session'), { kind: 'ip' }],
      ['Cookie', 'session=s'],
      's',
    ],
    ['not one that is empty', [header('x-customer'), { kind: 'ip' }], ['x-customer', ''], '192.0.2.9'],
    ['nothing, where nothing is there', [header('x-customer'), cookie('session')], [], null],
  ])('is %s', (_name, keys, fields, expected) => {
    const params = new Map([
      ['orderId', '42'],
      ['odd', '%61%20b'],
      ['bad', '%zz'],
    ]);
    const texts: Readonly<Record<string, string | null>> = { absent: null, empty: '' };
    const element = ([first = '', ...rest]: readonly string[]): string | null =>
      first in texts ? (texts[first] ?? null) : `the text of ${[first, ...rest].join('/')}`;
    expect(keyOf(keys, asked({ fields, params, address: '192.0.2.9', element }))).toBe(expected);
  });

  test('a request meets a condition when it has all of it, to the letter', () => {
    const when = { headers: [['x-beta', 'yes'] as const], cookies: [['lab', '1'] as const] };
    expect(meets(when, { fields: ['X-Beta', 'yes', 'Cookie', 'lab=1'] })).toBe(true);
    expect(meets(when, { fields: ['X-Beta', 'yes'] })).toBe(false);
    expect(meets(when, { fields: ['X-Beta', 'Yes', 'Cookie', 'lab=1'] })).toBe(false);
  });

  test('a field that is there without a value is not a field that is missing', () => {
    expect(fieldOf(['a', ''], 'a')).toBe('');
    expect(fieldOf(['a', ''], 'b')).toBeNull();
  });
});
