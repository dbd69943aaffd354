/** `trustProxy:` as networks: whose word on a caller's address is taken. */
import { isIP } from 'node:net';
import { networkOf } from '../core/network.ts';
import type { Network, Trust } from '../core/table.ts';
import type { Report } from './problem.ts';
import type { File } from './shape.ts';

/** What an entry that is no address stands for. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'], // RFC 1918, RFC 4193
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
};

export function trustOf({ trustProxy }: File, report: Report): Trust {
  if (trustProxy === undefined || trustProxy === false) return { kind: 'none' };
  if (trustProxy === true) return { kind: 'all' };
  const networks: Network[] = [];
  for (const [index, text] of trustProxy.entries()) {
    for (const one of NAMED[text] ?? [text]) {
      const [address = ''] = one.split('/', 1);
      const network = isIP(address) === 0 ? null : networkOf(one);
      if (network !== null) networks.push(network);
      else
        report(
          ['trustProxy', index],
          `expected an address, a network such as 10.0.0.0/8, or one of ${Object.keys(NAMED).join(', ')}`,
        );
    }
  }
  return { kind: 'networks', networks };
}
