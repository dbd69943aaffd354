import {
  evict,
  parseBanner,
  parseMajor,
  parseOwner,
  parsePostmaster,
  type Sighting,
} from '@banyan/stack/core/postmaster';
import { describe, expect, test } from 'vitest';

const FILE = '4711\n/data/postgres\n1767225600\n54329\n\n127.0.0.1\n  1234567         4\nready   \n';

describe('postmaster.pid', () => {
  test.each([
    ['names the server and its port', FILE, { pid: 4711, port: 54_329 }],
    ['has no port while the server starts', '4711\n/data/postgres\n1767225600\n', { pid: 4711, port: null }],
    ['has a negated pid of a single-user server', '-4711\n/data\n', { pid: 4711, port: null }],
    ['is nothing when empty', '', null],
    ['is nothing when it begins with words', 'hello\n1\n2\n3\n', null],
    ['is nothing when the pid is 0, which would be our own process group', '0\n', null],
  ])('%s', (_name, text, expected) => expect(parsePostmaster(text)).toEqual(expected));
});

describe('before a server is started', () => {
  const owner = { postmaster: 4711, starter: 4700, startedAt: '12345' };
  const seen: Sighting = {
    postmaster: { pid: 4711, port: 54_329 },
    process: 'postgres',
    owner,
    starterRunning: false,
  };
  test.each<[string, Partial<Sighting>, ReturnType<typeof evict>]>([
    ['what a killed stack left is stopped', {}, { kind: 'stop', pid: 4711, because: 'starter-died' }],
    [
      'the server of a stack that runs is left alone',
      { starterRunning: true },
      { kind: 'refuse', pid: 4711, because: 'starter-runs' },
    ],
    [
      'a server that nobody here started is left alone',
      { owner: null },
      { kind: 'refuse', pid: 4711, because: 'not-ours' },
    ],
    [
      'a server started by hand after one of ours is left alone',
      { owner: { ...owner, postmaster: 12 } },
      { kind: 'refuse', pid: 4711, because: 'not-ours' },
    ],
    [
      'a file whose pid another process has by now is removed',
      { process: 'other' },
      { kind: 'remove-file', because: 'pid-reused' },
    ],
    [
      'a file of a dead server is left for Postgres to judge',
      { process: 'none' },
      { kind: 'nothing', because: 'no-server' },
    ],
    ['an unused directory needs nothing', { postmaster: null }, { kind: 'nothing', because: 'no-server' }],
  ])('%s', (_name, change, expected) => expect(evict({ ...seen, ...change })).toEqual(expected));
});

test.each([
  ['{"postmaster":1,"starter":2,"startedAt":"3"}', { postmaster: 1, starter: 2, startedAt: '3' }],
  ['{"postmaster":1,"starter":2', null],
  ['{"postmaster":"1","starter":2,"startedAt":"3"}', null],
  ['null', null],
])('an owner file %s is read as %o', (text, expected) => expect(parseOwner(text)).toEqual(expected));

test.each([
  ['18\n', 18],
  ['9.6\n', 9],
  ['', null],
  ['eighteen', null],
])('PG_VERSION %j is major version %s', (text, expected) => expect(parseMajor(text)).toBe(expected));

test.each([
  ['postgres (PostgreSQL) 18.4\n', 18],
  ['postgres (PostgreSQL) 19beta1\n', 19],
  ['cannot execute binary file', null],
])('the banner %j is major version %s', (text, expected) => expect(parseBanner(text)).toBe(expected));
