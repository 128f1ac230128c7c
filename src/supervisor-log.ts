import { createLogger } from './observability/logger.ts';
import type { LogDestination, Logger } from './observability/logger.ts';

/** The supervisor's own lines, among those of its daemons or in a file of their own. */
export function createSupervisorLog(name: string, destination: LogDestination): Logger {
  return createLogger({ level: 'info', format: 'json', clientId: name, destination });
}
