import { readFile, writeFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import type { DaemonProcess } from './daemon-process.ts';

type Fields = Record<string, unknown>;

/** Changes fields of the configuration file of a running daemon. */
export async function reconfigure(daemon: DaemonProcess, fields: Fields): Promise<void> {
  const config: unknown = parse(await readFile(daemon.configFile, 'utf8'));
  if (typeof config !== 'object' || config === null) throw new TypeError('the configuration is no map');
  await writeFile(daemon.configFile, stringify({ ...config, ...fields }));
}

/** Asks a daemon to reload; resolves with the status and the parsed answer. */
export async function reload(
  daemon: DaemonProcess,
  query = '',
): Promise<{ readonly status: number; readonly body: Fields }> {
  const response = await daemon.request(`/reload${query}`, {
    method: 'POST',
    headers: { 'x-unstale': '1' },
    signal: AbortSignal.timeout(20_000),
  });
  const body: unknown = await response.json();
  if (typeof body !== 'object' || body === null) throw new TypeError('the answer is no object');
  return { status: response.status, body: { ...body } };
}
