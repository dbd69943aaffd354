/** Where a server listens: addresses as they are asked for, and as they were taken. */
import type { Server } from 'node:net';
import { GatewayError } from './error.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** `http://` and the address that `server` has taken; empty when it does not listen. */
export function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return '';
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

/** @param flag the option that chooses the address */
export function cannotListen({ host, port }: Address, flag: string, error: unknown): GatewayError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const why = code === 'EADDRINUSE' ? 'the port is taken' : code === 'EACCES' ? 'not permitted' : code;
  return new GatewayError(
    'GW_CANNOT_LISTEN',
    `cannot listen on ${host}:${port}: ${why}. Choose another with ${flag} HOST:PORT`,
    { cause: error },
  );
}
