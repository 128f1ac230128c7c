import type { Config } from './config/config.ts';
import { startDaemon } from './daemon.ts';
import { asUnstaleError } from './errors/unstale-error.ts';
import { createLogger } from './observability/logger.ts';
import { onShutdownSignals } from './runtime/shutdown.ts';

/**
 * Runs a daemon until SIGTERM or SIGINT has drained it.
 *
 * @param exitAtOnce what a second signal does
 * @throws UnstaleError that ended the daemon, after it was logged
 */
export async function runInForeground(config: Config, exitAtOnce: () => void): Promise<void> {
  const log = createLogger({ ...config.log, clientId: config.clientId });
  const interrupted = Promise.withResolvers<undefined>();
  let stop = (): void => interrupted.resolve(undefined);
  const unsubscribe = onShutdownSignals({
    first: () => stop(),
    second: () => {
      log.warn({}, 'stopped at once by a second signal; what was open is repeated at the next start');
      exitAtOnce();
    },
  });
  try {
    const daemon = await Promise.race([startDaemon(config, log), interrupted.promise]);
    // A signal during start-up: nothing was read yet, so nothing has to be finished.
    if (daemon === undefined) return;
    stop = () => daemon.stop();
    await daemon.finished;
  } catch (error) {
    const failure = asUnstaleError(error);
    log.error({ err: failure }, 'the daemon ends with an error');
    throw failure;
  } finally {
    unsubscribe();
  }
}
