import { inject } from 'vitest';
import type { ProvidedMysql } from './global-setup.ts';

/**
 * The servers for a suite whose subject is Redis or the daemon itself, not the SQL server: one of them, because the whole
 * run has to be short; all with UNSTALE_TEST_EVERYWHERE=1.
 */
export function anyMysql(): readonly ProvidedMysql[] {
  const { mysql } = inject('servers');
  return process.env['UNSTALE_TEST_EVERYWHERE'] === '1' ? mysql : mysql.slice(0, 1);
}
