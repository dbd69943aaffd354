#!/usr/bin/env node
// Committed and executable, since npm links only files that exist when it installs. The program itself is built.
import { existsSync } from 'node:fs';

const program = new URL('../dist/orders.js', import.meta.url);
if (!existsSync(program)) {
  process.stderr.write('orders is not built yet: run "npm run build" first\n');
  process.exit(2);
}
await import(program.href);
