import { inject } from 'vitest';
import type { ProvidedMysql } from './global-setup.ts';

/** Whether a test runs on every server, though its subject does not depend on it. */
export const EVERYWHERE = process.env['UNSTALE_TEST_EVERYWHERE'] === '1';

/**
 * The servers for a suite whose subject is Redis or the daemon itself, not the SQL server: one of them, because the whole
 * run has to be short; all with UNSTALE_TEST_EVERYWHERE=1.
 */
export function anyMysql(): readonly ProvidedMysql[] {
  const { mysql } = inject('servers');
  return EVERYWHERE ? mysql : mysql.slice(0, 1);
}
