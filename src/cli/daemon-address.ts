import type { AdminConfig } from '../config/config.ts';

/** Where the running daemon is asked, `host:port`: one that listens on all addresses, on the loopback one. */
export function addressOf({ host, port }: AdminConfig): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
