import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { onShutdownSignals } from './shutdown.ts';

function subscribed() {
  const source = new EventEmitter();
  const handlers = { first: vi.fn(), second: vi.fn() };
  return { source, handlers, unsubscribe: onShutdownSignals(handlers, source) };
}

describe('shutdown signals', () => {
  it.each(['SIGTERM', 'SIGINT'])('begin an orderly stop with %s', (signal) => {
    const { source, handlers } = subscribed();
    source.emit(signal, signal);
    expect(handlers.first).toHaveBeenCalledExactlyOnceWith(signal);
    expect(handlers.second).not.toHaveBeenCalled();
  });

  it('stop at once with the second, whichever of the two it is', () => {
    const { source, handlers } = subscribed();
    source.emit('SIGTERM', 'SIGTERM');
    source.emit('SIGINT', 'SIGINT');
    expect(handlers.first).toHaveBeenCalledTimes(1);
    expect(handlers.second).toHaveBeenCalledTimes(1);
  });

  it('count a signal as the second even when it comes while the first is handled', () => {
    const source = new EventEmitter();
    const second = vi.fn();
    onShutdownSignals({ first: () => void source.emit('SIGINT', 'SIGINT'), second }, source);
    source.emit('SIGINT', 'SIGINT');
    expect(second).toHaveBeenCalledTimes(1);
  });

  it('are left to others after unsubscribing', () => {
    const { source, handlers, unsubscribe } = subscribed();
    unsubscribe();
    source.emit('SIGTERM', 'SIGTERM');
    expect(handlers.first).not.toHaveBeenCalled();
    expect(source.eventNames()).toEqual([]);
  });

  it('are those of the process by default', () => {
    const before = process.listenerCount('SIGTERM');
    const unsubscribe = onShutdownSignals({ first: () => undefined, second: () => undefined });
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    unsubscribe();
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });
});
