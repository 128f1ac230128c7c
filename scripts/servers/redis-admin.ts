import { Redis } from 'ioredis';

/** Sends single commands to servers of a test, each over a connection of its own that is made when first needed. */
export interface RedisAdmin {
  /** One command; rejects with Redis' error. */
  call(port: number, ...command: readonly [name: string, ...args: (string | number)[]]): Promise<unknown>;
  /** Asks again and again until `accept` holds. @throws Error after 30 s. */
  until(what: string, ask: () => Promise<unknown>, accept: (reply: string) => boolean): Promise<void>;
  close(): void;
}

const DEADLINE = 30_000;

export function createRedisAdmin(): RedisAdmin {
  const clients = new Map<number, Redis>();
  const clientOf = (port: number): Redis => {
    const known = clients.get(port);
    if (known !== undefined) return known;
    const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 1, retryStrategy: () => 50 });
    // The servers are ended under it.
    client.on('error', () => undefined);
    clients.set(port, client);
    return client;
  };
  return {
    call: async (port, name, ...args) => clientOf(port).call(name, ...args),
    async until(what, ask, accept) {
      const deadline = Date.now() + DEADLINE;
      for (;;) {
        const reply = await ask().then(textOf, String);
        if (accept(reply)) return;
        if (Date.now() > deadline) throw new Error(`not within ${DEADLINE} ms: ${what}; last: ${reply}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    close() {
      for (const client of clients.values()) client.disconnect();
      clients.clear();
    },
  };
}

function textOf(reply: unknown): string {
  return typeof reply === 'string' ? reply : JSON.stringify(reply);
}
