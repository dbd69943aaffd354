#!/usr/bin/env -S node --max-semi-space-size=32
// Room for what requests leave behind (docs/operations.md): node's own 16 MiB costs the facade a twentieth of its processor time.
// Committed and executable, since npm links only files that exist when it installs. The program itself is built.
import { existsSync } from 'node:fs';

const program = new URL('../dist/main.js', import.meta.url);
if (!existsSync(program)) {
  process.stderr.write('banyan is not built yet: run "npm run build" first\n');
  process.exit(2);
}
await import(program.href);
