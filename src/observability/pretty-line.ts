/**
 * One line of the JSON log for a person at a terminal, in local time:
 * `12:00:01.123 INFO  message  key=value key="two words"`, then the stacks of its errors, indented.
 * `client_id` is left out: it is the same on every line. A line that is not JSON passes unchanged.
 */
export function prettyLine(line: string): string {
  const record = parseRecord(line);
  if (record === undefined) return line;
  const { time, level, client_id: _clientId, msg, ...fields } = record;
  const stacks: string[] = [];
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${renderValue(value, stacks)}`);
  const label = (typeof level === 'string' ? level : '').toUpperCase().padEnd(5);
  const head = `${localTime(time)} ${label} ${indent(typeof msg === 'string' ? msg : '')}`;
  const text = pairs.length === 0 ? head : `${head}  ${pairs.join(' ')}`;
  return [text, ...stacks.map((stack) => `    ${indent(stack)}`)].join('\n') + '\n';
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function localTime(time: unknown): string {
  const date = new Date(typeof time === 'string' ? time : Number.NaN);
  if (Number.isNaN(date.getTime())) return '--:--:--.---';
  const two = (part: number): string => String(part).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Stacks are moved to `stacks`, because they do not fit on a line. */
function renderValue(value: unknown, stacks: string[]): string {
  if (typeof value === 'string') return /^[^\s"=\\\p{Cc}]+$/u.test(value) ? value : JSON.stringify(value);
  if (!isRecord(value)) return JSON.stringify(value);
  const { stack, ...rest } = value;
  if (typeof stack === 'string') stacks.push(stack);
  return typeof value['message'] === 'string' ? renderError(rest, stacks) : JSON.stringify(rest);
}

/** `"CODE: message: cause's message (hint)"`, from the fields of an error. */
function renderError(error: Record<string, unknown>, stacks: string[]): string {
  const parts: string[] = [];
  for (let current: unknown = error; isRecord(current); current = current['cause']) {
    if (current !== error && typeof current['stack'] === 'string') stacks.push(current['stack']);
    for (const part of [current['code'], current['message']]) {
      if (typeof part === 'string' && part !== '') parts.push(part);
    }
  }
  const hint = typeof error['hint'] === 'string' ? ` (${error['hint']})` : '';
  return JSON.stringify(parts.join(': ') + hint);
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n    ');
}
