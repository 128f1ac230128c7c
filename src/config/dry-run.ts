import type { Settings } from './config.ts';
import { deriveServerId } from './resolve-config.ts';

/**
 * Settings of a run that writes nothing. It has a server id of its own, because the daemon itself may be running, and
 * logs at least what it would have done.
 */
export function asDryRun(settings: Settings): Settings {
  const { clientId, source, log } = settings;
  const level = log.level === 'debug' ? 'debug' : 'info';
  return {
    ...settings,
    dryRun: true,
    source: { ...source, serverId: deriveServerId(`dry run of ${clientId}`) },
    log: { ...log, level },
  };
}
