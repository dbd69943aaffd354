/**
 * The peers that may be installed: nginx, haproxy, Caddy, Traefik, each as a plain reverse proxy without an access log, with
 * kept-alive connections to the server behind it and one thread to work with. Their settings are written here, and they run from
 * a folder of ours: what the machine has under /etc is not read.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Peer {
  readonly name: string;
  /** The program, and what it is asked for its version with. */
  readonly program: string;
  readonly version: readonly string[];
  /** Writes its settings into `folder`. @returns the program's arguments */
  settle(at: { readonly port: number; readonly upstream: number; readonly folder: string }): readonly string[];
}

// Never reached: a connection that a peer closes by count would be its cost, and the upstream's.
const REQUESTS_OF_A_CONNECTION = 100_000_000;

const nginx: Peer = {
  name: 'nginx',
  program: 'nginx',
  version: ['-v'],
  settle: ({ port, upstream, folder }) => {
    const file = join(folder, 'nginx.conf');
    const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((what) => `${what}_temp_path ${folder}/${what};`)
      .join(' ');
    writeFileSync(
      file,
      `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
events { worker_connections 4096; multi_accept on; }
http {
  access_log off; tcp_nodelay on; keepalive_timeout 600s; keepalive_requests ${REQUESTS_OF_A_CONNECTION}; ${scratch}
  upstream behind { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests ${REQUESTS_OF_A_CONNECTION}; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }
}
`,
    );
    return ['-c', file, '-e', join(folder, 'error.log')];
  },
};

const haproxy: Peer = {
  name: 'haproxy',
  program: 'haproxy',
  version: ['-v'],
  settle: ({ port, upstream, folder }) => {
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend public
  bind 127.0.0.1:${port}
  default_backend behind
backend behind
  server one 127.0.0.1:${upstream}
`,
    );
    return ['-db', '-f', file];
  },
};

const caddy: Peer = {
  name: 'caddy',
  program: 'caddy',
  version: ['version'],
  settle: ({ port, upstream, folder }) => {
    const file = join(folder, 'Caddyfile');
    writeFileSync(
      file,
      `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  reverse_proxy 127.0.0.1:${upstream} {
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`,
    );
    return ['run', '--adapter', 'caddyfile', '--config', file];
  },
};

const traefik: Peer = {
  name: 'traefik',
  program: 'traefik',
  version: ['version'],
  settle: ({ port, upstream, folder }) => {
    const routing = join(folder, 'traefik-routing.yml');
    const file = join(folder, 'traefik.yml');
    writeFileSync(
      routing,
      `http:
  routers: { all: { rule: "PathPrefix(\`/\`)", entryPoints: [web], service: behind } }
  services: { behind: { loadBalancer: { servers: [{ url: "http://127.0.0.1:${upstream}" }] } } }
`,
    );
    writeFileSync(
      file,
      `entryPoints: { web: { address: "127.0.0.1:${port}" } }
providers: { file: { filename: ${routing} } }
global: { checkNewVersion: false, sendAnonymousUsage: false }
log: { level: ERROR }
`,
    );
    return [`--configFile=${file}`];
  },
};

export const PEERS: readonly Peer[] = [nginx, haproxy, caddy, traefik];

/** What the program says of its version; null when it is not installed. */
export function versionOf(peer: Peer): string | null {
  const { error, stdout, stderr } = spawnSync(peer.program, [...peer.version], { encoding: 'utf8', timeout: 10_000 });
  if (error !== undefined) return null;
  return (stdout === '' ? stderr : stdout).trim().split('\n')[0] ?? '';
}

/** What a peer's program needs from the environment: one thread, and nothing of the user's own. */
export function environmentOf(folder: string): Readonly<Record<string, string>> {
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  return { GOMAXPROCS: '1', HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
}
