/** Which sink a configuration means. */
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { logSink } from './log.ts';
import { openStdout } from './stdout.ts';
import type { OpenSink } from './sink.ts';

export function sinkFor({ sink, topicPrefix }: Config, log: Logger): OpenSink {
  switch (sink.kind) {
    case 'stdout':
      return () => openStdout(sink.checkpoint);
    case 'log':
      return logSink(sink, topicPrefix, (error) => log.warn({ error }, 'the log had trouble, and goes on'));
  }
}
