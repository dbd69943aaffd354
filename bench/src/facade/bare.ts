/** The peer: bare @fastify/http-proxy with its default settings. `node bare.js UPSTREAM_URL` prints `ready http://…`. */
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const app = fastify();
await app.register(proxy, { upstream: process.argv[2] ?? '' });
process.stdout.write(`ready ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
process.once('SIGTERM', () => process.exit(0));
