import { UnstaleError } from '../errors/unstale-error.ts';

/** How long replicas may take to have what was written, ms. */
const PATIENCE = 1_000;

export interface ReplicaWaitOptions {
  /** Replicas that have to have it; 0: nothing is asked. */
  readonly replicas: number;
  /** After it a command counts as failed, ms; WAIT has to be over well before. */
  readonly commandTimeout: number;
  /** WAIT on the connection that wrote; resolves with how many replicas have all of its writes. */
  readonly wait: (replicas: number, timeoutMs: number) => Promise<number>;
}

/** Knows of the writes of one connection which of them replicas have. */
export interface ReplicaWait {
  /** A command is sent that may write. */
  readonly wrote: () => void;
  /** Resolves when enough replicas have everything that was written before. @throws UnstaleError if they have not. */
  readonly settle: () => Promise<void>;
}

export function createReplicaWait({ replicas, commandTimeout, wait }: ReplicaWaitOptions): ReplicaWait {
  let written = 0;
  let settled = 0;
  return {
    wrote() {
      written += 1;
    },
    async settle() {
      const upTo = written;
      if (replicas === 0 || settled >= upTo) return;
      const found = await wait(replicas, Math.min(PATIENCE, Math.floor(commandTimeout / 2)));
      if (found < replicas) throw tooFew(found, replicas);
      settled = Math.max(settled, upTo);
    },
  };
}

/** The writes went over a connection that is no more, so that nobody can say where they arrived. */
export function lostTrack(): UnstaleError {
  return new UnstaleError(
    'UNSTALE_REDIS_REPLICAS',
    'the connection to Redis changed before replicas had the batch',
  );
}

function tooFew(found: number, wanted: number): UnstaleError {
  return new UnstaleError(
    'UNSTALE_REDIS_REPLICAS',
    `only ${found} of ${wanted} replicas of Redis have the batch in time`,
  );
}
