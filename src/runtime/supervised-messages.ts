/** Why a daemon ended, as it tells its supervisor. Strings, because the two may be of different versions for a while. */
export interface EndedMessage {
  readonly type: 'ended';
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly directive: string;
  readonly exitCode: number;
  /** Where a configuration that was refused can be mended, as far as that is known. */
  readonly files: readonly string[];
  readonly directories: readonly string[];
}

/** From a supervisor to its daemon, over the channel between the processes. */
export type SupervisorMessage =
  | { readonly type: 'ping' }
  | { readonly type: 'status'; readonly id: number }
  | { readonly type: 'reload'; readonly id: number; readonly invalidate?: boolean };

/** From a daemon to its supervisor. Each counts as a sign of life. */
export type DaemonMessage =
  | { readonly type: 'pong' }
  /** It follows changes, or stands by. */
  | { readonly type: 'ready'; readonly state: string; readonly shutdownTimeout: number }
  | { readonly type: 'status'; readonly id: number; readonly status: object }
  | { readonly type: 'reloaded'; readonly id: number; readonly outcome: object }
  | EndedMessage;

export function isSupervisorMessage(value: unknown): value is SupervisorMessage {
  if (!isRecord(value)) return false;
  switch (value['type']) {
    case 'ping':
      return true;
    case 'status':
      return typeof value['id'] === 'number';
    case 'reload':
      return (
        typeof value['id'] === 'number' &&
        (value['invalidate'] === undefined || typeof value['invalidate'] === 'boolean')
      );
    default:
      return false;
  }
}

export function isDaemonMessage(value: unknown): value is DaemonMessage {
  if (!isRecord(value)) return false;
  switch (value['type']) {
    case 'pong':
      return true;
    case 'ready':
      return typeof value['state'] === 'string' && typeof value['shutdownTimeout'] === 'number';
    case 'status':
      return typeof value['id'] === 'number' && isRecord(value['status']);
    case 'reloaded':
      return typeof value['id'] === 'number' && isRecord(value['outcome']);
    case 'ended':
      return (
        ['code', 'message', 'hint', 'directive'].every((name) => typeof value[name] === 'string') &&
        typeof value['exitCode'] === 'number' &&
        isTexts(value['files']) &&
        isTexts(value['directories'])
      );
    default:
      return false;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
