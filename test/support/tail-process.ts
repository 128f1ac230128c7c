import { startFollowing } from './following-command.ts';
import type { FollowingCommand } from './following-command.ts';

export interface TailProcess extends FollowingCommand {
  /** Resolves once it follows the daemon: what is applied from now on is shown. @throws Error when it ends before. */
  following(): Promise<void>;
}

/** The built `unstale tail`, with the configuration of a daemon. */
export function startTail(configFile: string, ...args: readonly string[]): TailProcess {
  const command = startFollowing(['tail', '-c', configFile, ...args]);
  return { ...command, following: () => command.says('following the daemon') };
}
