/**
 * The sink `log`: the backbone's log in Postgres. The checkpoint and the watermark enter it in the batch's own transaction, so
 * that what the log holds and where the connector stands cannot disagree.
 */
import { BackboneError, mayPass } from '@banyan/backbone/errors';
import { openLog } from '@banyan/backbone/log';
import type { Producer, TopicSpec } from '@banyan/backbone/transport';
import type { SinkConfig } from './config.ts';
import { topicName } from './core/name.ts';
import { CdcError } from './errors.ts';
import type { OpenSink, Sink } from './sink.ts';

const CHECKPOINT_BYTES = 8_192; // The transport's limit.
// Watermarks are worth nothing once newer ones are there; a model that was away for longer begins with the newest.
const WATERMARK_RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

type LogSink = Extract<SinkConfig, { kind: 'log' }>;

/** @param source the topic prefix; the producer is `cdc.<source>` */
export function logSink(config: LogSink, source: string, onTrouble: (error: unknown) => void): OpenSink {
  const watermarks = topicName(`${source}.watermarks`);
  return (topics) => translated(() => open({ config, source, topics, watermarks, onTrouble }));
}

interface Opening {
  readonly config: LogSink;
  readonly source: string;
  readonly topics: readonly string[];
  readonly watermarks: string;
  readonly onTrouble: (error: unknown) => void;
}

async function open({ config, source, topics, watermarks, onTrouble }: Opening): Promise<Sink> {
  const log = await openLog({ url: config.url, applicationName: `banyan-cdc ${source}`, onTrouble });
  try {
    await log.createTopics([...topics.map((name) => changeTopic(name, config)), watermarkTopic(watermarks)]);
    const producer = await log.producer(`cdc.${source}`, topics);
    return asSink(producer, watermarks, () => log.close());
  } catch (error) {
    await log.close();
    throw error;
  }
}

function asSink(producer: Producer, watermarks: string, close: () => Promise<void>): Sink {
  return {
    checkpoint: producer.checkpoint,
    watermarks: true,
    checkpointBytes: CHECKPOINT_BYTES,
    send: (batch, { checkpoint, watermark, swept }) =>
      translated(async () => {
        const marked =
          watermark === null ? {} : { watermark: { topic: watermarks, at: watermark, ...sweeping(swept) } };
        await producer.send(batch, { checkpoint, ...marked });
      }),
    close,
  };
}

function sweeping<T>(swept: T | null): { readonly swept?: T } {
  return swept === null ? {} : { swept };
}

/** The last change of each key is worth keeping for good, unless the operator says how long. */
function changeTopic(name: string, { partitions, retentionMs }: LogSink): TopicSpec {
  // The log drops nothing of a compacted topic, so a limit in time that the operator names would have no effect on one.
  return { name, partitions, cleanup: retentionMs === null ? 'compact' : 'delete', retentionMs };
}

function watermarkTopic(name: string): TopicSpec {
  return { name, partitions: 1, cleanup: 'delete', retentionMs: WATERMARK_RETENTION_MS };
}

/** The backbone's errors as ours. */
async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BackboneError)) throw error;
    const message = `the log (${error.code}): ${error.message}`;
    if (error.code === 'BACKBONE_FENCED')
      throw new CdcError(
        'CDC_FENCED',
        `${message}. Another connector with the same topicPrefix writes to this log: stop one of the two`,
        { cause: error },
      );
    throw new CdcError(mayPass(error) ? 'CDC_SINK_LOST' : 'CDC_SINK_REFUSED', message, { cause: error });
  }
}
