export type ShutdownSignal = 'SIGTERM' | 'SIGINT';

export interface ShutdownHandlers {
  /** The first signal: begin an orderly stop. */
  readonly first: (signal: ShutdownSignal) => void;
  /** Every further signal: the user does not want to wait. */
  readonly second: () => void;
}

/** The part of `process` that delivers signals. */
export interface SignalSource {
  on(signal: ShutdownSignal, listener: (signal: ShutdownSignal) => void): unknown;
  off(signal: ShutdownSignal, listener: (signal: ShutdownSignal) => void): unknown;
}

/** Calls the handlers on SIGTERM and SIGINT, in any mixture; returns what unsubscribes from both. */
export function onShutdownSignals(handlers: ShutdownHandlers, source: SignalSource = process): () => void {
  let seen = false;
  const listener = (signal: ShutdownSignal): void => {
    if (seen) {
      handlers.second();
    } else {
      seen = true;
      handlers.first(signal);
    }
  };
  source.on('SIGTERM', listener);
  source.on('SIGINT', listener);
  return () => {
    source.off('SIGTERM', listener);
    source.off('SIGINT', listener);
  };
}
