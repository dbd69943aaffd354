// Adds up what the test runner said of each run and closes with one line: "N passed, N failed, N skipped".
import { readFileSync } from 'node:fs';

const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of process.argv.slice(2)) {
  const run = JSON.parse(readFileSync(file, 'utf8'));
  total.passed += run.numPassedTests;
  total.failed += run.numFailedTests + run.numFailedTestSuites;
  total.skipped += run.numPendingTests;
}
process.stdout.write(`tests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped` + '\n');
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
