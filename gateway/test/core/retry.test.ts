import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { next, type Failed } from '@banyan/gateway/core/retry';

const failed = (more: Partial<Failed>): Failed => ({
  how: 'closed',
  sent: true,
  began: false,
  reused: false,
  repeatable: false,
  renewed: false,
  ...more,
});

describe('a request that failed', () => {
  test.each([
    ['for want of a connection goes elsewhere, a write too', { how: 'unopened', sent: false }, 'elsewhere'],
    ['before it was sent gets a fresh connection, a write too', { sent: false }, 'fresh'],
    ['so twice goes elsewhere', { sent: false, renewed: true }, 'elsewhere'],
    ['on a kept connection is sent once more when it is a read', { reused: true, repeatable: true }, 'fresh'],
    ['on a kept connection is not sent again when it is a write', { reused: true }, 'give-up'],
    ['on a fresh connection is not sent again', { repeatable: true }, 'give-up'],
    ['a second time is not sent a third time', { reused: true, repeatable: true, renewed: true }, 'give-up'],
    ['after a byte of its answer is not sent again', { reused: true, repeatable: true, began: true }, 'give-up'],
    ['because it took too long is not sent again', { how: 'other', reused: true, repeatable: true }, 'give-up'],
    ['because it cannot be sent is not sent', { how: 'other', sent: false }, 'give-up'],
  ] as const)('%s', (_name, more, expected) => {
    expect(next(failed(more))).toBe(expected);
  });

  const any = fc.record({
    how: fc.constantFrom('unopened' as const, 'closed' as const, 'other' as const),
    sent: fc.boolean(),
    began: fc.boolean(),
    reused: fc.boolean(),
    repeatable: fc.boolean(),
    renewed: fc.boolean(),
  });

  test('is never sent again when it is a write of which a byte may have left', () => {
    expect(() =>
      fc.assert(fc.property(any, (what) => next({ ...what, sent: true, repeatable: false }) === 'give-up')),
    ).not.toThrow();
  });

  test('is never sent again once its answer has begun', () => {
    expect(() => fc.assert(fc.property(any, (what) => next({ ...what, began: true }) === 'give-up'))).not.toThrow();
  });
});
