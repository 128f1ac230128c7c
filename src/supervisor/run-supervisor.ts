import { ServiceManager, withoutServiceManager } from '../runtime/service-manager.ts';
import type { ControlRequest } from './control-protocol.ts';
import { ControlServer } from './control-server.ts';
import { DaemonNotes } from './daemon-notes.ts';
import type { LineSink } from './line-sink.ts';
import type { SupervisorLog } from './log.ts';
import { ManagedDaemon } from './managed-daemon.ts';
import { formatPlan, PLAN_VARIABLE } from './plan.ts';
import type { SupervisorPlan } from './plan.ts';
import { prepareDirectories, socketOf } from './run-directory.ts';
import { SingleInstance } from './single-instance.ts';
import { Supervisor } from './supervisor.ts';
import type { Progress } from './supervisor.ts';

export interface RunOptions {
  readonly plan: SupervisorPlan;
  /** How `unstale run -c FILE` is started, without the file. */
  readonly program: string;
  readonly args: readonly string[];
  readonly log: SupervisorLog;
  /** Where the lines of a daemon go, by its client_id. */
  readonly sinkOf: (clientId: string) => LineSink;
  /** Every file of the log is to be opened again. */
  readonly reopenLogs: () => void;
  /** It can be asked from now on. */
  readonly onUp: () => void;
}

/** How often daemons are asked for a sign of life, ms. */
const TICK = 5000;
/** A tick that comes later than this was held up: so was everything that the daemons have said, ms. */
const LATE = 10_000;

/**
 * Runs the daemons of a plan until it is told to stop, by SIGTERM, SIGINT or its socket. SIGHUP reloads them, SIGUSR1 and SIGUSR2
 * open the logs again. Resolves with an exit code.
 *
 * @throws UnstaleError UNSTALE_ALREADY_RUNNING or UNSTALE_RUN_DIRECTORY, before anything was started
 */
export async function runSupervisor(options: RunOptions): Promise<number> {
  const { plan, log } = options;
  prepareDirectories({ run: plan.runDirectory, ...(plan.foreground ? {} : { log: plan.logDirectory }) });
  const instance = new SingleInstance(plan.runDirectory, log);
  await instance.acquire();
  const manager = new ServiceManager();
  const supervisor = createSupervisor(options, () => noteChange());
  const control = new ControlServer(socketOf(plan.runDirectory), (request, progress) =>
    answer(supervisor, request, progress, () => void manager.stopping()),
  );
  const listen = (): Promise<void> =>
    control.listen().catch((err: unknown) => {
      log.warn({ err }, 'the control socket cannot be opened; it is tried again');
    });
  let wasReady = false;
  const noteChange = (): void => {
    supervisor.noteChange();
    if (supervisor.isStopping) return;
    const first = supervisor.hasStarted && !wasReady;
    wasReady ||= first;
    void (first ? manager.ready(supervisor.summary) : manager.notify(`STATUS=${supervisor.summary}`));
  };
  const unsubscribe = onSignals({
    stop: () => {
      void manager.stopping();
      void supervisor.stop().then(() => supervisor.finish());
    },
    atOnce: () => {
      log.warn({}, 'stopped at once by a second signal; what was open is repeated at the next start');
      supervisor.kill();
    },
    reload: () => {
      void manager.reloading();
      supervisor
        .reload([])
        .catch((err: unknown) => log.warn({ err }, 'the daemons are not reloaded'))
        .finally(() => void manager.ready(supervisor.summary));
    },
    reopen: options.reopenLogs,
  });
  await listen();
  log.info(
    { pid: process.pid, run_directory: plan.runDirectory, daemons: plan.daemons.map((one) => one.clientId) },
    'the supervisor is started',
  );
  options.onUp();
  supervisor.start();
  const ticking = startTicking(supervisor, () => {
    instance.keep();
    void listen();
  });
  manager.watch(() => supervisor.isHealthy);
  const code = await supervisor.finished;
  clearInterval(ticking);
  manager.end();
  unsubscribe();
  await control.close();
  instance.release();
  return code;
}

function createSupervisor(options: RunOptions, onChange: () => void): Supervisor {
  const { plan, program, args, log, sinkOf } = options;
  const notes = new DaemonNotes(plan.runDirectory);
  const leftBehind = notes.leftBehind();
  const environment = { ...withoutServiceManager(process.env), [PLAN_VARIABLE]: formatPlan(plan) };
  const daemons = plan.daemons.map(
    (daemon) =>
      new ManagedDaemon({
        plan: daemon,
        command: {
          program,
          args: [...args, 'run', '-c', daemon.configFile],
          cwd: process.cwd(),
          environment,
        },
        sink: sinkOf(daemon.clientId),
        notes,
        log,
        leftBehind: leftBehind.get(daemon.clientId),
        longestDelay: plan.longestDelay,
        onChange,
      }),
  );
  return new Supervisor({ plan, daemons, log });
}

async function answer(
  supervisor: Supervisor,
  request: ControlRequest,
  progress: Progress,
  onStop: () => void,
): Promise<unknown> {
  switch (request.type) {
    case 'status':
      return supervisor.report();
    case 'settled':
      await supervisor.settled(request.timeout);
      return supervisor.report();
    case 'stop':
      onStop();
      await supervisor.stop(request.timeout);
      // The answer goes out before the socket is closed.
      setImmediate(() => supervisor.finish());
      return {};
    case 'restart':
      return { restarted: await supervisor.restart(request.daemons, progress) };
    case 'reload':
      return supervisor.reload(request.daemons, request.invalidate);
  }
}

function startTicking(supervisor: Supervisor, onTick: () => void): NodeJS.Timeout {
  let last = performance.now();
  return setInterval(() => {
    const now = performance.now();
    if (now - last > LATE) supervisor.forgive();
    last = now;
    supervisor.watch();
    onTick();
  }, TICK);
}

interface SignalHandlers {
  readonly stop: () => void;
  readonly atOnce: () => void;
  readonly reload: () => void;
  readonly reopen: () => void;
}

/** Returns what unsubscribes. */
function onSignals(handlers: SignalHandlers): () => void {
  let stopped = false;
  const stop = (): void => {
    if (stopped) handlers.atOnce();
    else handlers.stop();
    stopped = true;
  };
  const listeners: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ['SIGTERM', stop],
    ['SIGINT', stop],
    ['SIGHUP', handlers.reload],
    ['SIGUSR1', handlers.reopen],
    ['SIGUSR2', handlers.reopen],
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
