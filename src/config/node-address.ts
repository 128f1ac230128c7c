import type { NodeAddress } from './config.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

const LARGEST_PORT = 65_535;

/** `cache-1.example:26379`, `10.0.0.7:6379` or `[::1]:6379`. */
export function parseNodeAddress(text: string): Parsed<NodeAddress> {
  const [, bracketed, plain, digits] = /^(?:\[([\da-fA-F:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= LARGEST_PORT)) {
    return refuse('is not the address of a server', 'write HOST:PORT such as 10.0.0.7:6379 or "[::1]:6379"');
  }
  return accept({ host, port });
}
