import { hostname } from 'node:os';
import { createAdminServer } from './admin/http-server.ts';
import { TailHub } from './admin/tail.ts';
import type { Config, Settings } from './config/config.ts';
import { openRedis, openSourceClient, openState } from './connections.ts';
import { openDryRun } from './dry-run.ts';
import { asUnstaleError } from './errors/unstale-error.ts';
import type { UnstaleError } from './errors/unstale-error.ts';
import { ErrorRing, keepError, keepingErrors } from './observability/error-ring.ts';
import type { Logger, LogLevel } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import { openBarrier } from './open-barrier.ts';
import { createOperatorActions } from './operator/actions.ts';
import { LogLevelSwitch } from './operator/log-level.ts';
import { OperatorPause } from './operator/pause.ts';
import { requirePreconditions } from './preconditions.ts';
import { createRedisSink } from './redis/sink.ts';
import { ConfigWatch } from './reload/config-watch.ts';
import { createDaemonReloader } from './reload/daemon-reload.ts';
import type { ReloadOutcome, ReloadRequest } from './reload/reload.ts';
import { createRetryDelay } from './runtime/backoff.ts';
import { sleep } from './runtime/sleep.ts';
import { Candidate } from './state/candidate.ts';
import { createLeaderLock } from './state/leader-lock.ts';
import { migrateState } from './state/migrate.ts';
import { createStreamFactory } from './stream.ts';
import { Leadership } from './term/leadership.ts';
import { Term } from './term/term.ts';
import { withActivity } from './view/activity-observer.ts';
import { createDaemonView } from './view/daemon-view.ts';
import { openInsight } from './view/insight.ts';
import { observePipeline } from './view/metrics-observer.ts';
import { withTail } from './view/tail-observer.ts';

/** Redis' and MySQL's absence is bridged for ever; what waits is stale, so the pauses stay short (ms). */
const RETRY = { initial: 100, max: 2000 };

export interface Daemon {
  /** Settles when the work has ended: resolves after `stop`, rejects with the UnstaleError that ended it. */
  readonly finished: Promise<void>;
  /** Stops reading, waits for Redis' replies, stores the position; bounded by `shutdown_timeout`. */
  stop(): void;
  /** Reads the configuration again; never rejects. */
  reload(request: ReloadRequest): Promise<ReloadOutcome>;
  /** What GET /status shows. */
  status(): object;
  /** Finishes what was read and applies nothing new until `resume`; both may be called twice. */
  pause(): void;
  resume(): void;
  /** Until the next reload. */
  setLogLevel(level: LogLevel): void;
}

export interface DaemonTools {
  readonly log: Logger;
  /** Reads the configuration again. @throws UnstaleError with all that is wrong with it. */
  readonly load: () => Promise<Settings>;
}

/**
 * Builds a daemon from its configuration and starts it. This is the composition root: every connection is
 * made here, and nothing below knows another part by anything but its port. What is made here lasts as long as the
 * daemon; a `Term` lasts as long as it leads.
 *
 * The promise resolves once changes are followed and the position to resume from is stored, or the daemon stands by
 * because another one of its `client_id` leads.
 * @throws UnstaleError when a precondition fails; everything that was opened is closed again.
 */
export async function startDaemon(first: Config, { log: written, load }: DaemonTools): Promise<Daemon> {
  const errors = new ErrorRing();
  const log = keepingErrors(written, errors);
  const metrics = createMetrics({ clientId: first.clientId });
  const tail = new TailHub();
  const retryDelay = createRetryDelay(RETRY);
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.toReversed()) {
      await close().catch((error: unknown) =>
        log.debug({ err: error }, 'a connection did not close cleanly'),
      );
    }
  };
  /** In force, or for the next term. */
  let config = first;
  let lastError: UnstaleError | undefined;
  let adminAddress: string | undefined;

  try {
    const redis = openRedis(config, log);
    closers.push(() => redis.close());
    const insight = openInsight({ redis, errors, log });
    closers.push(insight.close);
    const client = openSourceClient(config);
    closers.push(() => client.close());
    const state = openState(config, log, config.dryRun ? undefined : () => candidate?.connectionLost());
    closers.push(() => state.close());
    const { database, leaseTimeout } = config.state;
    const lock = createLeaderLock({ client: state.client, database, clientId: config.clientId });
    const candidate: Candidate | undefined = config.dryRun
      ? undefined
      : new Candidate({
          lock,
          holder: `${hostname().slice(0, 200)}:${process.pid}`,
          adminAddress: () => adminAddress,
          timeout: leaseTimeout,
          sleep,
          log,
        });

    const received = () => leadership.begun?.stream.source.received;
    const barrier = openBarrier(config, metrics, log, received, closers);
    const createStream = createStreamFactory({
      client,
      retryDelay,
      gate: { isOpen: () => leadership.gate.isOpen(), opened: (signal) => leadership.gate.opened(signal) },
      metrics,
      log,
      closers,
    });
    const dryRun = openDryRun(() => config, log, closers);
    const pause = new OperatorPause({ heldBackMs: () => view.heldBackMs(), log });
    const observer = withTail(
      withActivity(
        observePipeline(metrics, (error) => {
          lastError = asUnstaleError(error);
          keepError(errors, 'warn', error, 'a batch was not applied');
        }),
        insight.activity,
      ),
      tail,
      config.dryRun ?? false,
    );
    const leadership: Leadership = new Leadership({
      candidate,
      createTerm: (lease) => {
        const term = new Term({
          config,
          lease,
          state: state.tables({ lock: lock.name, token: lease.token }),
          client,
          redis,
          sink:
            dryRun ??
            createRedisSink({
              connection: redis,
              gate: lease,
              scopeScanRate: config.redis.scopeScanRate,
              tombstone: config.tombstone,
              publish: config.publish,
              sleep,
              log,
              observer: { replied: (cls) => metrics.redisReplies(cls, 1) },
            }),
          barrier,
          createStream,
          retryDelay,
          observer,
          metrics,
          log,
          onRetired: (stream) => view.retire(stream),
        });
        pause.attach(term.pipeline);
        return term;
      },
      retryDelay,
      log,
    });

    const reloader = createDaemonReloader({
      load,
      current: () => config,
      onApplied: (next) => {
        config = next;
        insight.activity.rules.reset();
      },
      leadership,
      client,
      redis,
      retryDelay,
      log,
    });
    const started = Promise.withResolvers<void>();
    const reload = async (request: ReloadRequest): Promise<ReloadOutcome> => {
      await started.promise;
      const outcome = await reloader.reload(request);
      if (outcome.result !== 'refused') levels.reset();
      watch();
      return outcome;
    };
    const configWatch = new ConfigWatch({
      onChange: () => void reload({ by: 'file' }),
      onError: (err) => log.warn({ err }, 'the configuration cannot be watched; reload it by SIGHUP'),
    });
    const watch = (): void => configWatch.follow(config, reloader.read);
    closers.push(() => Promise.resolve(configWatch.end()));

    const levels = new LogLevelSwitch(log, () => config.log.level);
    const operator = createOperatorActions({
      pause,
      levels,
      active: () => (leadership.phase === 'running' && leadership.leads ? leadership.term?.work : undefined),
      dryRun: config.dryRun ?? false,
      log,
    });
    const view = createDaemonView({
      config: () => config,
      leadership,
      candidate,
      lastError: () => lastError,
      redis,
      barrier,
      insight,
      pause,
      logLevel: () => log.level,
      reloading: () => reloader.isPending,
    });
    metrics.gauges(view.gauges);
    insight.sample(view.moment);
    if (config.admin !== undefined) {
      const admin = createAdminServer({
        ...config.admin,
        tail,
        operator,
        handlers: {
          metrics: () => metrics.registry.metrics(),
          contentType: metrics.registry.contentType,
          health: view.health,
          status: view.status,
          history: insight.history,
          reload: (invalidate) => reload({ by: 'request', invalidate }),
        },
        log,
      });
      const address = await admin.listen();
      closers.push(() => admin.close());
      adminAddress = `${address.host}:${address.port}`;
      log.info(address, 'listening for metrics, health and status');
    }

    await requirePreconditions(config, client, redis, log);
    if (!config.dryRun) await migrateState({ client: state.client, database, log });
    await leadership.begin();
    started.resolve();
    watch();

    const work = async (): Promise<void> => {
      try {
        await leadership.run();
      } finally {
        // What matters is done; a server that does not answer must not hold the process.
        await Promise.race([closeAll(), sleep(config.shutdownTimeout)]);
        leadership.ended();
      }
    };
    return {
      finished: work(),
      stop: () => leadership.stop(),
      reload,
      status: view.status,
      pause: () => void pause.pause(),
      resume: () => pause.resume(),
      setLogLevel: (level) => void levels.set(level, undefined),
    };
  } catch (error) {
    await closeAll();
    throw asUnstaleError(error);
  }
}
