import { isRecord } from '../runtime/supervised-messages.ts';

/**
 * What a supervisor can be asked on its socket: one object a connection, in a line of JSON. It answers with lines
 * of JSON, any number of `progress` and then a `result` or an `error`, and closes the connection.
 */
export type ControlRequest =
  | { readonly type: 'status' }
  /** The status once every start has led to something. @param timeout ms */
  | { readonly type: 'settled'; readonly timeout: number }
  /** @param timeout ms; by each daemon's own deadline unless given */
  | { readonly type: 'stop'; readonly timeout?: number }
  | { readonly type: 'restart'; readonly daemons: readonly string[] }
  | { readonly type: 'reload'; readonly daemons: readonly string[]; readonly invalidate?: boolean };

export type ControlReply =
  | { readonly progress: string }
  | { readonly result: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

/** Longest request, characters. */
export const LONGEST_REQUEST = 65_536;

/** Undefined for what is no request. */
export function parseRequest(line: string): ControlRequest | undefined {
  const value = parseJson(line);
  return isRequest(value) ? value : undefined;
}

/** Undefined for what is no reply. */
export function parseReply(line: string): ControlReply | undefined {
  const value = parseJson(line);
  if (!isRecord(value)) return undefined;
  const { progress, error } = value;
  if (typeof progress === 'string') return { progress };
  if ('result' in value) return { result: value['result'] };
  if (isRecord(error) && typeof error['code'] === 'string' && typeof error['message'] === 'string')
    return { error: { code: error['code'], message: error['message'] } };
  return undefined;
}

export function formatLine(message: ControlRequest | ControlReply): string {
  return `${JSON.stringify(message)}\n`;
}

function isRequest(value: unknown): value is ControlRequest {
  if (!isRecord(value)) return false;
  const { type, timeout, daemons, invalidate } = value;
  switch (type) {
    case 'status':
      return true;
    case 'settled':
      return isTime(timeout);
    case 'stop':
      return timeout === undefined || isTime(timeout);
    case 'restart':
      return isNames(daemons);
    case 'reload':
      return isNames(daemons) && (invalidate === undefined || typeof invalidate === 'boolean');
    default:
      return false;
  }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 2 ** 31;
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
