/** Which sink a configuration means. */
import type { SinkConfig } from './config.ts';
import { CdcError } from './errors.ts';
import { openStdout } from './stdout.ts';
import type { OpenSink } from './sink.ts';

/** @param source the topic prefix: also the producer's id in the log */
export function sinkFor(config: SinkConfig, _source: string): OpenSink {
  switch (config.kind) {
    case 'stdout':
      return () => openStdout(config.checkpoint);
    case 'log':
      return () => Promise.reject(new CdcError('CDC_NOT_SUPPORTED', '"sink: log" is not supported yet'));
  }
}
