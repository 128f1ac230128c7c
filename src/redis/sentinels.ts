import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log } from '../pipeline/ports.ts';
import type { RedisConnectionOptions, SentinelOptions, ServerAddress, ServerOptions } from './client.ts';
import { openLink } from './link.ts';
import type { Link } from './link.ts';
import { classifyRedisError } from './replies.ts';

export interface Sentinels {
  /**
   * The address of the master, by the sentinel that knows of the latest failover of those that answer.
   * @throws UnstaleError when none names it within the connect timeout.
   */
  master(): Promise<ServerAddress>;
  close(): Promise<void>;
}

interface SentinelEvents {
  /** Called about every second with the master that the sentinels name. */
  readonly onMaster: (address: ServerAddress) => void;
}

/** What one sentinel says. */
interface Answer {
  readonly address: ServerAddress;
  /** Grows with each failover. */
  readonly epoch: number;
}

/** How often the sentinels are asked while all is well, ms. */
const ASK_INTERVAL = 1_000;
/** How long others may take to answer, once one has, ms. */
const GRACE = 100;

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * Asks all sentinels, over a connection to each. They are asked again and again and not only after a loss: an old
 * master that is cut off from them, but not from us, goes on taking deletes that the new one never sees.
 */
export function createSentinels(
  options: RedisConnectionOptions,
  sentinel: SentinelOptions,
  { onMaster }: SentinelEvents,
): Sentinels {
  const { name } = sentinel;
  const links = sentinel.nodes.map(({ host, port }) => {
    const server = serverOf(options, sentinel, { host, port });
    return openLink({ endpoint: `${host}:${port}`, locate: async () => server, log: SILENT });
  });
  let closed = false;

  const master = async (): Promise<ServerAddress> => {
    const deadline = performance.now() + options.connectTimeout;
    const { promise: enough, resolve: haveEnough } = Promise.withResolvers<void>();
    const answers: Answer[] = [];
    const problems: UnstaleError[] = [];
    let timer: NodeJS.Timeout | undefined;
    const asked = links.map(async (link) => {
      try {
        answers.push(await ask(link, name, deadline));
        timer ??= setTimeout(haveEnough, GRACE);
      } catch (error) {
        problems.push(classifyRedisError(error));
      }
    });
    await Promise.race([Promise.all(asked), enough]);
    clearTimeout(timer);
    const latest = answers.toSorted((one, other) => other.epoch - one.epoch)[0];
    if (latest !== undefined) return latest.address;
    throw failureOf(name, problems);
  };

  const watch = setInterval(() => {
    if (closed) return;
    // What is wrong with sentinels shows when one is needed.
    master().then(onMaster, () => undefined);
  }, ASK_INTERVAL);

  return {
    master,
    async close() {
      closed = true;
      clearInterval(watch);
      await Promise.all(links.map((link) => link.close()));
    },
  };
}

function serverOf(
  options: RedisConnectionOptions,
  { username, password, tls }: SentinelOptions,
  address: ServerAddress,
): ServerOptions {
  const { connectTimeout, commandTimeout, socketTimeout, clientName } = options;
  return {
    ...address,
    db: 0,
    connectTimeout,
    commandTimeout,
    socketTimeout,
    clientName,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: options.tls ?? { rejectUnauthorized: true } } : {}),
  };
}

async function ask(link: Link, name: string, deadline: number): Promise<Answer> {
  for (;;) {
    const left = deadline - performance.now();
    if (link.isReachable() || left <= 0) break;
    await link.changeWithin(left);
    // Its next attempt may be the one that succeeds, but nobody has to wait for it.
    if (!link.isReachable()) break;
  }
  const [address, state] = await link.command((client) =>
    Promise.all([
      client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
      client.call('SENTINEL', 'MASTER', name),
    ]),
  );
  if (!Array.isArray(address)) {
    throw new UnstaleError('UNSTALE_REDIS_UNREACHABLE', `the sentinel knows no master ${name}`);
  }
  const [host, port] = address as unknown[];
  return { address: { host: String(host), port: Number(port) }, epoch: epochOf(state) };
}

/** Field names and values in turn, or by RESP3 a map of them. */
function epochOf(state: unknown): number {
  if (Array.isArray(state)) {
    const at = state.indexOf('config-epoch');
    return at < 0 ? 0 : Number(state[at + 1]);
  }
  if (state instanceof Map) return Number(state.get('config-epoch') ?? 0);
  if (typeof state === 'object' && state !== null && 'config-epoch' in state)
    return Number(state['config-epoch']);
  return 0;
}

/** It is worth to go on asking as long as one of them may answer later. */
function failureOf(name: string, problems: readonly UnstaleError[]): UnstaleError {
  const reasons = [...new Set(problems.map(({ message }) => message))].join('; ');
  const [first] = problems;
  const hopeless = problems.every(({ policy }) => policy.directive === 'fatal');
  return new UnstaleError(
    hopeless && first !== undefined ? first.code : 'UNSTALE_REDIS_UNREACHABLE',
    `no sentinel names the master ${name}: ${reasons === '' ? 'none answers' : reasons}`,
  );
}
