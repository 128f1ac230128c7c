import { compileConfig } from './config/compile-config.ts';
import type { Settings } from './config/config.ts';
import { asUnstaleError } from './errors/unstale-error.ts';
import { createLogger } from './observability/logger.ts';
import type { Logger } from './observability/logger.ts';
import { ServiceManager } from './runtime/service-manager.ts';
import { onShutdownSignals } from './runtime/shutdown.ts';
import type { SupervisorLink } from './supervised.ts';

export interface ForegroundOptions {
  /** Reads the settings; undefined when there is nothing to run. */
  readonly load: () => Promise<Settings | undefined>;
  /** Reads them once more. @throws UnstaleError with all that is wrong with them. */
  readonly loadAgain: () => Promise<Settings>;
  /** What a second signal does. */
  readonly exitAtOnce: () => void;
  /** To the supervisor that has started this process, if one has. */
  readonly supervisor?: SupervisorLink | undefined;
}

/**
 * Runs a daemon until SIGTERM or SIGINT has drained it, or its supervisor is gone; SIGHUP reloads its configuration.
 * In a service of systemd it says when it is ready and that it lives.
 *
 * @throws UnstaleError that ended the daemon, after it was logged, or what `load` throws
 */
export async function runInForeground(options: ForegroundOptions): Promise<void> {
  const { load, loadAgain, exitAtOnce, supervisor } = options;
  const manager = new ServiceManager();
  const interrupted = Promise.withResolvers<undefined>();
  let stop = (): void => interrupted.resolve(undefined);
  let log: Logger | undefined;
  const unsubscribe = onShutdownSignals({
    first: () => stop(),
    second: () => {
      log?.warn({}, 'stopped at once by a second signal; what was open is repeated at the next start');
      exitAtOnce();
    },
  });
  let hungUp = false;
  // The configuration may have been read already, so a reload that is asked for during the start is done after it.
  let reload = (): void => {
    hungUp = true;
  };
  const onHangup = (): void => reload();
  process.on('SIGHUP', onHangup);
  supervisor?.onLost(() => {
    log?.warn({}, 'the supervisor is gone');
    stop();
  });
  try {
    const settings = await Promise.race([load(), interrupted.promise]);
    if (settings === undefined) return;
    log = createLogger({ ...settings.log, clientId: settings.clientId });
    // Only now: the drivers take longer to load than a wrong configuration takes to be found.
    const { startDaemon } = await import('./daemon.ts');
    const daemon = await Promise.race([
      startDaemon(compileConfig(settings), { log, load: loadAgain }),
      interrupted.promise,
    ]);
    // A signal during start-up: nothing was read yet, so nothing has to be finished.
    if (daemon === undefined) return;
    stop = () => {
      void manager.stopping();
      daemon.stop();
    };
    reload = () => {
      void manager.reloading();
      void daemon.reload({ by: 'signal' }).then(() => manager.ready('reloaded'));
    };
    supervisor?.ready(daemon, settings.shutdownTimeout);
    void manager.ready('following changes');
    manager.watch(() => true);
    if (hungUp) reload();
    await daemon.finished;
  } catch (error) {
    const failure = asUnstaleError(error);
    log?.error({ err: failure }, 'the daemon ends with an error');
    await supervisor?.ended(failure);
    throw failure;
  } finally {
    manager.end();
    unsubscribe();
    process.off('SIGHUP', onHangup);
  }
}
