/**
 * An upstream of the soak, as a process that can be killed: `upstream.mjs NAME PORT JOURNAL`. What it does with a request stands
 * in the request's own field `x-soak-NAME`, so that the caller knows what it may be told. What it was asked, and how it failed,
 * it writes into its journal before it does anything else: the file outlives the process.
 */
import { createHash } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { textOf } from './answer.mjs';
import { SCRAPS } from './scrap.mjs';

const [name = '', port = '0', journal = ''] = process.argv.slice(2);
const file = openSync(journal, 'a');
const note = (...words) => void writeSync(file, `${words.join(' ')}\n`);
const later = (ms, what) => void setTimeout(() => what(), ms);

const scriptOf = (req) => {
  const script = new URLSearchParams(String(req.headers[`x-soak-${name}`] ?? ''));
  const number = (key) => Number(script.get(key) ?? 0);
  return {
    fault: script.get('fault') ?? 'none',
    shape: script.get('shape') ?? 'sized',
    size: number('size'),
    delay: number('delay'),
    at: number('at'),
  };
};

const server = createServer({ maxHeaderSize: 128 * 1024 }, (req, res) => {
  const id = String(req.headers['x-soak-id'] ?? 'none');
  req.on('error', () => undefined);
  res.on('error', () => undefined);
  if (req.headers['banyan-shadow'] === '1')
    note('shadow', req.headers['banyan-dry-run'] === '1' ? 'dry' : req.method, id);
  else note('asked', req.method, id);
  // Whoever is asked for a dry run says that it was one, unless its answer goes wrong.
  if (req.headers['banyan-dry-run'] === '1') res.setHeader('banyan-dry-run', '1');
  const script = scriptOf(req);
  const job = { req, res, id, script };
  // Half of the failures of a write happen before its body has been read.
  if (script.shape === 'early' || (script.fault !== 'none' && script.at < 0.5)) return perform(job, null);
  const hash = createHash('sha1');
  let bytes = 0;
  req.on('data', (chunk) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  req.once('end', () => perform(job, `${bytes}:${hash.digest('hex')}`));
});

/** The fields by which the caller knows the answer. */
const fieldsOf = (id, got) => ({
  'content-type': 'text/plain',
  'x-soak-id': id,
  'x-soak-who': name,
  ...(got === null ? {} : { 'x-soak-got': got }),
});

function headOf(id, got, more) {
  const lines = Object.entries({ ...fieldsOf(id, got), ...more }).map(([key, value]) => `${key}: ${value}\r\n`);
  return `HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`;
}

function perform(job, got) {
  const { fault } = job.script;
  if (fault !== 'none') note('fault', fault, job.id);
  const fail = FAULTS[fault];
  if (fail === undefined) void answer(job, got);
  else fail(job, got);
}

async function answer({ req, res, id, script }, got) {
  const { fault, shape, size, delay } = script;
  const status = fault === 'error' ? 503 : shape === 'empty' ? 204 : 200;
  const text = textOf(name, id, status === 204 ? 0 : size);
  const fields = fieldsOf(id, got);
  if (fault === 'close-idle') {
    const end = () => (script.at < 0.25 ? req.socket.resetAndDestroy() : req.socket.destroy());
    res.once('finish', () => later(delay, end));
  }
  if (shape === 'sized' || shape === 'early' || status !== 200 || req.method === 'HEAD') {
    res.writeHead(status, status === 204 ? fields : { ...fields, 'content-length': size });
    return void res.end(req.method === 'HEAD' ? undefined : text);
  }
  // A body without a length: in chunks, or until the connection closes.
  if (shape === 'closing') {
    req.socket.write(`${headOf(id, got, { connection: 'close' })}${text}`);
    return void req.socket.end();
  }
  res.writeHead(status, fields);
  const pieces = shape === 'drip' ? 8 : 3;
  const step = Math.ceil(size / pieces);
  for (let at = 0; at < size; at += step) {
    if (shape === 'drip') await new Promise((resolve) => later(delay * 10, resolve));
    res.write(text.slice(at, at + step));
  }
  res.end();
}

/** Writes bytes that are no answer of node's, and then does something to the connection. */
const raw = ({ req: { socket } }, bytes, then) =>
  void socket.write(Buffer.from(bytes, 'latin1'), () => !socket.destroyed && then?.(socket));

const cut = (socket) => socket.destroy();
const reset = (socket) => socket.resetAndDestroy();
const half = (text) => text.slice(0, Math.ceil(text.length / 2));
const sized = ({ id, script }, got, length = script.size) =>
  headOf(id, got, { 'content-length': length }) + textOf(name, id, script.size);
const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunked = (id, got) => headOf(id, got, { 'transfer-encoding': 'chunked' });

const FAULTS = {
  hang: () => undefined,
  'hang-body': (job, got) => raw(job, half(sized(job, got))),
  reset: ({ req }) => reset(req.socket),
  'reset-head': (job, got) => raw(job, half(headOf(job.id, got, {})), reset),
  'reset-body': (job, got) => raw(job, half(sized(job, got)), reset),
  'end-body': (job, got) => raw(job, half(sized(job, got)), cut),
  'end-chunked': (job, got) => raw(job, chunked(job.id, got) + chunk(textOf(name, job.id, job.script.size)), cut),
  'no-http': (job) => raw(job, 'I am no server\r\n\r\n', cut),
  'bad-chunk': (job, got) => raw(job, `${chunked(job.id, got)}${chunk('good')}zz\r\nbad\r\n0\r\n\r\n`, cut),
  long: (job, got) => raw(job, sized(job, got, job.script.size + 100), cut),
  // The connection stays open for a while, so that whoever trusts it takes the rest for another answer.
  short: (job, got) => raw(job, `${sized(job, got)}and more`, (socket) => later(100, () => cut(socket))),
  two: (job, got) => raw(job, sized(job, got) + sized(job, got), (socket) => later(100, () => cut(socket))),
  'big-head': (job, got) => raw(job, headOf(job.id, got, { 'x-big': 'x'.repeat(100_000), 'content-length': 0 }), cut),
  nul: (job, got) => raw(job, headOf(job.id, got, { 'x-nul': 'a\0b', 'content-length': 0 }), cut),
  scrap: ({ req, script }) => void scrap(req.socket, script),
};

/** Anything, in pieces, cut off anywhere. */
async function scrap(socket, { at, size, delay }) {
  const bytes = Buffer.from(SCRAPS[size % SCRAPS.length], 'latin1');
  const end = delay < 5 ? Math.floor(at * bytes.length) : bytes.length;
  const step = Math.max(1, Math.ceil(end / (1 + (size % 3))));
  for (let from = 0; from < end && !socket.destroyed; from += step) {
    socket.write(bytes.subarray(from, Math.min(end, from + step)));
    await new Promise((resolve) => later(delay, resolve));
  }
  if (size % 2 === 0) cut(socket);
  else reset(socket);
}

const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (req, socket, head) => {
  socket.on('error', () => undefined);
  const id = String(req.headers['x-soak-id'] ?? 'none');
  note('asked', 'UPGRADE', id);
  const script = scriptOf(req);
  const { fault, delay } = script;
  if (fault !== 'none') note('fault', fault, id);
  if (fault === 'hang') return;
  if (fault === 'reset') return void socket.resetAndDestroy();
  if (fault === 'scrap') return void scrap(socket, script);
  if (fault === 'no-http') return void socket.end('I am no server\r\n\r\n');
  sockets.handleUpgrade(req, socket, head, (connection) => {
    connection.on('error', () => undefined);
    connection.on('message', (data) => connection.send(Buffer.concat([Buffer.from(`${name} ${id} `), data])));
    if (fault === 'ws-cut') later(delay, () => connection.terminate());
  });
});

server.on('clientError', (_error, socket) => socket.destroy());
server.listen(Number(port), '127.0.0.1', () => process.stdout.write(`listening ${server.address().port}\n`));
