import { VisibilityBarrier } from './binlog/barrier/visibility-barrier.ts';
import type { SourcePosition } from './change/position.ts';
import type { Config } from './config/config.ts';
import { openBarrierClients } from './connections.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';
import { sleep } from './runtime/sleep.ts';

/** The barrier that a configuration asks for; undefined if it asks for none. What it opens is added to `closers`. */
export function openBarrier(
  config: Config,
  metrics: Metrics,
  log: Logger,
  received: () => SourcePosition | undefined,
  closers: (() => Promise<void>)[],
): VisibilityBarrier | undefined {
  const clients = openBarrierClients(config);
  if (clients.length === 0) return undefined;
  closers.push(
    ...clients.map(
      ({ client }) =>
        () =>
          client.close(),
    ),
  );
  const isSource =
    config.source.barrier === 'source'
      ? () => true
      : (serverUuid: string) => serverUuid === received()?.serverUuid;
  return new VisibilityBarrier({
    servers: clients.map((named) => ({ ...named, isSource })),
    timeout: config.source.barrierTimeout,
    sleep,
    log,
    onWaited: (waited) => metrics.barrierWait(waited),
    onUnknown: () => metrics.barrierTimeout(),
  });
}
