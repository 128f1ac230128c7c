import { SLOTS } from '../protocol/slot.ts';

/** Where a node of a cluster listens. */
export interface NodePlace {
  readonly host: string;
  readonly port: number;
}

/** Which master serves which slot, as a node of the cluster said. */
export class SlotMap {
  /** By `host:port`. */
  readonly masters: ReadonlyMap<string, NodePlace>;
  readonly #owners: readonly (string | undefined)[];

  private constructor(masters: ReadonlyMap<string, NodePlace>, owners: readonly (string | undefined)[]) {
    this.masters = masters;
    this.#owners = owners;
  }

  /**
   * Reads the reply of CLUSTER SLOTS, with texts as bytes or strings; undefined if it is none, or names no slot.
   * @param askedHost stands for a node that does not know its own address
   */
  static read(reply: unknown, askedHost: string): SlotMap | undefined {
    if (!Array.isArray(reply)) return undefined;
    const masters = new Map<string, NodePlace>();
    const owners = Array.from<string | undefined>({ length: SLOTS });
    for (const entry of reply) {
      const [from, to, master]: unknown[] = Array.isArray(entry) ? entry : [];
      const [host, port]: unknown[] = Array.isArray(master) ? master : [];
      if (typeof from !== 'number' || typeof to !== 'number' || typeof port !== 'number') return undefined;
      const known = textOf(host);
      // '?': it has a hostname to tell, but does not know it.
      const place = { host: known === '' || known === '?' ? askedHost : known, port };
      const address = addressOf(place);
      masters.set(address, place);
      owners.fill(address, from, to + 1);
    }
    return masters.size === 0 ? undefined : new SlotMap(masters, owners);
  }

  ownerOf(slot: number): string | undefined {
    return this.#owners[slot];
  }

  /** How many slots nobody serves. */
  get unserved(): number {
    return this.#owners.filter((owner) => owner === undefined).length;
  }

  equals(other: SlotMap): boolean {
    return this.#owners.every((owner, slot) => owner === other.#owners[slot]);
  }

  /** The same, but for some slots. */
  with(moved: ReadonlyMap<number, NodePlace>): SlotMap {
    const masters = new Map(this.masters);
    const owners = [...this.#owners];
    for (const [slot, place] of moved) {
      const address = addressOf(place);
      masters.set(address, place);
      owners[slot] = address;
    }
    return new SlotMap(masters, owners);
  }
}

/** `host:port`, the name of a node. */
export function addressOf({ host, port }: NodePlace): string {
  return `${host}:${port}`;
}

/** What MOVED and ASK say. */
export interface Redirection {
  readonly kind: 'MOVED' | 'ASK';
  readonly slot: number;
  readonly place: NodePlace;
}

/** Reads `MOVED 866 10.0.0.7:6379`; undefined if it is no redirection. Without a host it is `askedHost`. */
export function redirectionOf(message: string, askedHost: string): Redirection | undefined {
  const [, kind, slot, host, port] = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(message) ?? [];
  if ((kind !== 'MOVED' && kind !== 'ASK') || host === undefined) return undefined;
  return {
    kind,
    slot: Number(slot),
    place: { host: host === '' || host === '?' ? askedHost : host, port: Number(port) },
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : '';
}
