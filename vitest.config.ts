import { defineConfig } from 'vitest/config';

// A test's suffix is its cost (CONTRIBUTING.md): `.test.ts` in process, `.pg.test.ts` on the shared embedded Postgres,
// `.e2e.test.ts` on real processes, `.kafka.test.ts` and `.chromium.test.ts` where those are installed.
const slow = ['**/*.e2e.test.ts', '**/*.kafka.test.ts', '**/*.parity.test.ts'];
const never = ['**/node_modules/**', '**/dist/**', '**/.types/**'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['*/test/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...never, ...slow],
          globalSetup: ['test/support/postgres.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['*/test/**/*.e2e.test.ts', 'test/**/*.e2e.test.ts', '*/test/**/*.kafka.test.ts'],
          exclude: never,
          // Each of these starts a whole stack of processes: one at a time.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'parity',
          include: ['test/**/*.parity.test.ts'],
          exclude: never,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
