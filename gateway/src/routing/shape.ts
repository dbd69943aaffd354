/**
 * `routing.yaml` as it is written: the same keys, still text (durations, percentages, stages). `schema.ts` checks that a file
 * has this shape; `resolve.ts` turns it into a `Table`. What each key means is in docs/routing.md.
 */

type Maybe<T> = T | undefined;

export interface FileUpstreamLong {
  url: string | string[];
  timeout?: Maybe<{ connect?: Maybe<string>; headers?: Maybe<string>; body?: Maybe<string>; total?: Maybe<string> }>;
  connections?: Maybe<number | string>;
  health?: Maybe<{
    path: string;
    every?: Maybe<string>;
    fall?: Maybe<number | string>;
    rise?: Maybe<number | string>;
  }>;
  breaker?: Maybe<{
    errors?: Maybe<string>;
    volume?: Maybe<number | string>;
    window?: Maybe<string>;
    reset?: Maybe<string>;
  }>;
  spare?: Maybe<{ rate?: Maybe<number | string>; share?: Maybe<string> }>;
  host?: Maybe<string>;
  rewrite?: Maybe<('location' | 'cookies')[]>;
}

export type FileUpstream = string | FileUpstreamLong;

export interface FileSuccessorLong {
  upstream: string;
  path?: Maybe<string>;
  headers?: Maybe<Record<string, string>>;
  rest?: Maybe<string | FileRest>;
  response?: Maybe<string | Record<string, Record<string, string>>>;
  rename?: Maybe<Record<string, string>>;
  values?: Maybe<Record<string, string | Record<string, string>>>;
  faults?: Maybe<Record<string, string | FileFault>>;
}

export interface FileRest {
  method: string;
  path: string;
  query?: Maybe<Record<string, string>>;
  body?: Maybe<string>;
  headers?: Maybe<Record<string, string>>;
  drop?: Maybe<string[]>;
}

export interface FileFault {
  code?: Maybe<'Client' | 'Server'>;
  detail?: Maybe<string>;
  map?: Maybe<Record<string, string>>;
}

export interface FileRoute {
  match: string;
  stage: string;
  new?: Maybe<string | FileSuccessorLong>;
  effect?: Maybe<'read' | 'write'>;
  fallback?: Maybe<'never' | 'reads'>;
  gone?: Maybe<string>;
  sticky?: Maybe<string[]>;
  when?: Maybe<{ header?: Maybe<Record<string, string>>; cookie?: Maybe<Record<string, string>> }>;
  cohort?: Maybe<string>;
  fresh?: Maybe<{ readModel: string; wait?: Maybe<string>; maxLag?: Maybe<string>; strict?: Maybe<boolean> }>;
  writes?: Maybe<string | string[]>;
  owner?: Maybe<{ param: string; legacy: string }>;
  exclusive?: Maybe<boolean>;
  parity?: Maybe<{
    sample?: Maybe<string>;
    noise?: Maybe<string>;
    confidence?: Maybe<string>;
    redact?: Maybe<string[]>;
    headers?: Maybe<string[]>;
    budget?: Maybe<{ time?: Maybe<string>; size?: Maybe<string> }>;
  }>;
  guard?: unknown;
  promote?: unknown;
}

export interface FileDifference {
  routes: string[];
  at: string;
  allow: string;
  zone?: Maybe<string>;
  why: string;
  owner: string;
  until: string;
}

export interface FileWsdl {
  file?: Maybe<string>;
  check?: Maybe<'whole' | 'operation'>;
  actionMismatch?: Maybe<'refuse' | 'body-wins'>;
  unclassified?: Maybe<'refuse' | 'default'>;
}

export interface File {
  version: 1;
  upstreams: Record<string, FileUpstream>;
  default: string | { upstream: string; writes?: Maybe<string[]> };
  readModels?: Maybe<Record<string, { upstream: string; watermark?: unknown }>>;
  wsdls?: Maybe<Record<string, FileWsdl>>;
  routes?: Maybe<Record<string, FileRoute>>;
  differences?: Maybe<Record<string, FileDifference>>;
  publicUrl?: Maybe<string>;
  trustProxy?: Maybe<boolean | string[]>;
  overrides?: Maybe<{ secret: string }>;
  replicas?: unknown;
  forwarder?: Maybe<'direct' | 'http-proxy'>;
  expose?: Maybe<boolean>;
}
