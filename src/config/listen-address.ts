import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** An address to listen on. Port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const LARGEST_PORT = 65_535;

/** `127.0.0.1:9630`, `[::1]:9630`, or `off`. */
export function parseListen(text: string): Parsed<ListenAddress | 'off'> {
  if (text === 'off') return accept(text);
  const [, bracketed, plain, digits] = /^(?:\[([\da-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > LARGEST_PORT) {
    return refuse('is not an address', 'write HOST:PORT such as 127.0.0.1:9630 or "[::1]:9630", or off');
  }
  return accept({ host, port });
}
