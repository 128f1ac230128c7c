import { compileConfig } from '../../src/config/compile-config.ts';
import type { Config } from '../../src/config/config.ts';
import { loadSettings } from '../../src/config/load.ts';
import { UnstaleError } from '../../src/errors/unstale-error.ts';
import type { DaemonProcess } from './daemon-process.ts';

type Fields = Readonly<Record<string, unknown>>;

/** An action of the admin API, with the parsed answer. */
export async function act(
  daemon: DaemonProcess,
  path: string,
  method: 'GET' | 'POST' = 'POST',
): Promise<{ readonly status: number; readonly body: Fields }> {
  const response = await daemon.request(path, {
    method,
    headers: { 'x-unstale': '1' },
    signal: AbortSignal.timeout(20_000),
  });
  const body: unknown = await response.json();
  if (typeof body !== 'object' || body === null) throw new TypeError('the answer is no object');
  return { status: response.status, body: { ...body } };
}

/** What `/status` says. */
export async function statusOf(daemon: DaemonProcess): Promise<Fields> {
  const status = await daemon.status();
  return typeof status === 'object' && status !== null ? { ...status } : {};
}

/** The configuration that a command would read, for what commands call. */
export async function configIn(file: string): Promise<Config> {
  return compileConfig(await loadSettings({ file, env: {} }));
}

/** Code and message of the error that work ends with, `CODE: message`; empty if it does not. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => '',
    (error: unknown) => {
      if (error instanceof UnstaleError) return `${error.code}: ${error.message}`;
      throw error;
    },
  );
}
