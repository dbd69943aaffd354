/** `node cdc/dist/main.js --config FILE`: the connector as a process of its own. */
import { cdc } from './command.ts';

const args = process.argv.slice(2);
// By now everything is closed; a write that a reader of standard output holds up must not hold up the end.
process.exit(await cdc(args[0] === 'start' ? args : ['start', ...args]));
