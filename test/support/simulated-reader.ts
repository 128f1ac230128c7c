import { rowVersion } from '../../src/change/version.ts';
import { fill, getOrLease } from '../../src/protocol/scripts.ts';
import type { LeaseReply, ReadSource } from '../../src/protocol/scripts.ts';
import { callScript } from './protocol-client.ts';
import type { Simulation } from './protocol-simulation.ts';
import { cachedText } from './simulated-source.ts';
import type { SimulatedRow } from './simulated-source.ts';

const TTL_MS = 3_600_000;
/** Only a step of the schedule makes a lease expire. */
const LEASE_MS = 600_000;
type Lease = Extract<LeaseReply, { kind: 'lease' }>;

/** Wants one value once: each of its round trips is a step, between which anything can happen. */
export class SimulatedReader {
  readonly #simulation: Simulation;
  readonly #name: string;
  readonly #row: number;
  #lease: Lease | undefined;
  #read: { readonly row: SimulatedRow; readonly from: ReadSource } | undefined;
  #done = false;

  constructor(simulation: Simulation, number: number, row: number) {
    this.#simulation = simulation;
    this.#name = `reader ${number} of row ${row}`;
    this.#row = row;
  }

  isDone(): boolean {
    return this.#done;
  }

  async step(): Promise<void> {
    if (this.#read !== undefined) await this.#store(this.#read);
    else if (this.#simulation.mode.plain === true) await this.#lookUpPlainly();
    else if (this.#lease === undefined) await this.#ask();
    else this.#readDatabase(this.#lease);
  }

  get #key(): string {
    return this.#simulation.keys[this.#row]!;
  }

  async #lookUpPlainly(): Promise<void> {
    const { redis, source } = this.#simulation;
    this.#done = (await redis.exists(this.#key)) === 1;
    if (!this.#done) this.#remember(source.primary(this.#row), 'primary');
  }

  async #ask(): Promise<void> {
    const { redis, mode, random, say } = this.#simulation;
    const refresh = mode.refresh === true && random.chance(0.5);
    if (!refresh && (await redis.exists(this.#key)) === 1) {
      this.#done = true;
      return;
    }
    const asked = { key: this.#key, token: this.#name, leaseMs: LEASE_MS, refresh };
    const reply = await callScript(redis, getOrLease(asked));
    say(`${this.#name} asks: ${reply.kind}`);
    if (reply.kind === 'lease') this.#lease = reply;
    // Those that wait read the database, and store nothing.
    else this.#done = true;
  }

  #readDatabase({ holdMs, gtid }: Lease): void {
    const { source, mode, random } = this.#simulation;
    const fromReplica = mode.replicaReads === true && random.chance(0.6);
    if (fromReplica && gtid !== '' && source.hasExecuted(gtid))
      this.#remember(source.replica(this.#row), 'caught-up');
    else if (fromReplica && holdMs === 0) this.#remember(source.replica(this.#row), 'replica');
    else this.#remember(source.primary(this.#row), 'primary');
  }

  #remember(row: SimulatedRow, from: ReadSource): void {
    this.#simulation.say(`${this.#name} reads ${cachedText(row)}, ${from}`);
    this.#read = { row, from };
  }

  async #store({ row, from }: { readonly row: SimulatedRow; readonly from: ReadSource }): Promise<void> {
    const { redis, mode, say } = this.#simulation;
    this.#done = true;
    if (mode.plain === true) {
      await redis.set(this.#key, cachedText(row), 'PX', TTL_MS);
      return;
    }
    const reply = await callScript(
      redis,
      fill({
        key: this.#key,
        token: this.#name,
        value: cachedText(row),
        ttlMs: TTL_MS,
        version: mode.versions === true && !row.gone ? rowVersion(row.version) : undefined,
        source: from,
        tombstoneMs: TTL_MS,
      }),
    );
    say(`${this.#name} fills ${cachedText(row)}: ${reply}`);
  }
}
