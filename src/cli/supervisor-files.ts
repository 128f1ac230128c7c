import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The client_id under which the supervisor's own lines stand, and the name of its log. No daemon may have it. */
export const SUPERVISOR_NAME = 'supervisor';

/** By the names under which they stand beside this file, compiled or not. */
export const SUPERVISOR_MAIN = beside('supervisor-main');
export const UNSTALE_ENTRY = beside('unstale');

/** The log of a daemon, by its client_id. */
export function logOf(logDirectory: string, clientId: string): string {
  return join(logDirectory, `${clientId}.log`);
}

export function supervisorLogOf(logDirectory: string): string {
  return logOf(logDirectory, SUPERVISOR_NAME);
}

function beside(name: string): string {
  return fileURLToPath(new URL(import.meta.url)).replace(/supervisor-files(\.[jt]s)$/, `${name}$1`);
}
