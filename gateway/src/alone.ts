/** Serves the callers by this process itself: one event loop, no messages, no second process to look after. */
import type { Facts } from './core/decide.ts';
import type { Family } from './core/family.ts';
import { cannotListen, urlOf, type Address } from './address.ts';
import type { Engine, Vitals } from './engine.ts';
import { standingFamilies } from './metrics.ts';
import type { Accepted, Generation, Standing } from './generation.ts';
import { factsOf } from './obey.ts';
import { Serving, type ServingOptions } from './serving.ts';

export class Alone implements Engine {
  readonly #serving: Serving;
  readonly #deadlineMs: number;

  /**
   * @param deadlineMs how long a drain may take
   * @throws GatewayError GW_BAD_WSDL
   */
  static async open(options: Omit<ServingOptions, 'publicUrl' | 'worker'>, deadlineMs: number): Promise<Alone> {
    const serving: Serving = await Serving.open({
      ...options,
      publicUrl: () => urlOf(serving.facade.server),
      worker: null,
    });
    return new Alone(serving, deadlineMs);
  }

  private constructor(serving: Serving, deadlineMs: number) {
    this.#serving = serving;
    this.#deadlineMs = deadlineMs;
  }

  get standing(): Standing {
    return this.#serving.generations;
  }

  async listen(address: Address): Promise<void> {
    try {
      await this.#serving.facade.listen(address);
    } catch (error) {
      await this.#serving.destroy();
      throw cannotListen(address, '--listen', error);
    }
  }

  url(): string {
    return urlOf(this.#serving.facade.server);
  }

  adopt(loaded: Accepted): Promise<Generation> {
    return this.#serving.generations.adopt(loaded, Date.now());
  }

  facts(): Promise<Facts> {
    return Promise.resolve(factsOf(this.#serving.generations.fleet));
  }

  vitals(): Promise<Vitals> {
    return Promise.resolve(this.#serving.vitals());
  }

  workers(): null {
    return null;
  }

  async families(): Promise<readonly Family[]> {
    const { metrics, generations } = this.#serving;
    return [...(await metrics.families(generations.fleet)), ...standingFamilies(generations)];
  }

  renew(): false {
    return false;
  }

  hush(): void {
    this.#serving.hush();
  }

  drain(): Promise<void> {
    return this.#serving.drain({ patienceMs: 0, deadlineMs: this.#deadlineMs });
  }
}
