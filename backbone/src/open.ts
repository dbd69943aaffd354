/** The one place that says which transport a service gets: by its environment, so that no service knows the difference. */
import { BackboneError } from './errors.ts';
import { openLog, type LogOptions } from './log.ts';
import type { Backbone } from './transport.ts';

/** The variables that decide. `KAFKA_BROKERS`, when set, wins. */
export interface BackboneEnv {
  readonly KAFKA_BROKERS?: string | undefined;
  /** `postgres://user:password@host:port/database` of the log. */
  readonly DATABASE_URL_BACKBONE?: string | undefined;
}

/**
 * @param env such as `process.env`
 * @throws BackboneError BACKBONE_UNSUPPORTED (Kafka), BACKBONE_BAD_CONFIG (nothing is set), and what `openLog` throws
 */
export async function openBackbone(env: BackboneEnv, options: Omit<LogOptions, 'url'> = {}): Promise<Backbone> {
  if (env.KAFKA_BROKERS) {
    throw new BackboneError(
      'BACKBONE_UNSUPPORTED',
      'KAFKA_BROKERS is set, but Kafka as the backbone is not supported yet: unset it to use the log in Postgres',
    );
  }
  if (env.DATABASE_URL_BACKBONE) return openLog({ ...options, url: env.DATABASE_URL_BACKBONE });
  throw new BackboneError(
    'BACKBONE_BAD_CONFIG',
    'no backbone is configured: set DATABASE_URL_BACKBONE to postgres://user:password@host:port/database',
  );
}
