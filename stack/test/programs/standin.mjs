/**
 * A small service for the tests of the stack: a real process with a port, a readiness check and a ready line, which behaves as
 * its arguments say.
 *
 *   --port N            listens on 127.0.0.1:N, answers /readyz with 200
 *   --unready FILE      503 with a reason while FILE exists
 *   --refuse            says why it cannot start, exits 2
 *   --crash             exits 7 at once
 *   --crash-until FILE  exits 7 at once unless FILE exists
 *   --deaf              ignores SIGTERM
 *   --brood             starts a child process of its own, and prints its pid
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    unready: { type: 'string' },
    refuse: { type: 'boolean' },
    crash: { type: 'boolean' },
    'crash-until': { type: 'string' },
    deaf: { type: 'boolean' },
    brood: { type: 'boolean' },
  },
});

// A stack that was killed reads no more; what is to be seen then is what the signals do.
process.stdout.on('error', () => undefined);

if (values.refuse) {
  process.stderr.write('the flux of the standin is missing: plug it in\n');
  process.exit(2);
}
if (values.crash || (values['crash-until'] && !existsSync(values['crash-until']))) {
  process.stdout.write('about to fall\n');
  process.exit(7);
}
if (values.brood) {
  const program = ["process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);"];
  process.stdout.write(`brood ${spawn(process.execPath, ['-e', ...program], { stdio: 'inherit' }).pid}\n`);
}

const server = createServer((_request, response) => {
  const unready = values.unready !== undefined && existsSync(values.unready);
  response.writeHead(unready ? 503 : 200).end(unready ? '{"waiting":"for a file to go"}' : 'ok');
});
server.listen(Number(values.port), '127.0.0.1', () => {
  process.stdout.write(`pid ${process.pid}\nready http://127.0.0.1:${values.port}\n`);
  process.stdout.write(`${JSON.stringify({ level: 40, time: 0, msg: 'a line of pino', n: 1 })}\n`);
});
process.on('SIGTERM', () => {
  process.stdout.write('told to stop\n');
  if (!values.deaf) process.exit(0);
});
