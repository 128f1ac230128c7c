import { startDaemon } from './daemon-process.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { eventually } from './eventually.ts';
import type { ConfigOverrides, Shop } from './shop.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';

/** A daemon of several with one client_id, which reaches MySQL on a way of its own. */
export interface Member {
  readonly daemon: DaemonProcess;
  readonly mysql: TcpProxy;
}

/** Starts daemons for one shop: the first one leads. */
export async function startMembers(
  shop: Shop,
  count: number,
  overrides: ConfigOverrides = {},
): Promise<Member[]> {
  const start = async (): Promise<Member> => {
    const url = new URL(shop.db.url);
    const mysql = await startTcpProxy({ port: Number(url.port) });
    url.port = String(mysql.port);
    const daemon = await startDaemon(
      shop.config({ ...overrides, source: { url: url.href, ...overrides.source } }),
    );
    await daemon.ready();
    return { daemon, mysql };
  };
  const first = await start();
  return [first, ...(await Promise.all(Array.from({ length: count - 1 }, start)))];
}

export async function endMembers(members: readonly Member[]): Promise<void> {
  for (const { daemon, mysql } of members) {
    daemon.signal('SIGCONT');
    await daemon.kill();
    await mysql.close();
  }
}

interface LeaderStatus {
  readonly state: string;
  readonly leader: boolean;
  readonly lease: { readonly holder: string; readonly fencing_token: number } | null;
}

/** Of /status, what concerns leadership. */
export async function leaderStatus(daemon: DaemonProcess): Promise<LeaderStatus> {
  return (await daemon.status()) as LeaderStatus;
}

export async function leads(daemon: DaemonProcess): Promise<boolean> {
  return (await leaderStatus(daemon).catch(() => undefined))?.leader === true;
}

/** Resolves with the one that leads; of those that are asked. */
export async function leaderOf(members: readonly Member[], timeoutMs = 20_000): Promise<Member> {
  const found = await eventually(
    'one of them leads',
    async () => {
      const answers = await Promise.all(members.map(async ({ daemon }) => leads(daemon)));
      return members.filter((_, index) => answers[index]);
    },
    (leaders) => leaders.length === 1,
    { timeoutMs, intervalMs: 10 },
  );
  return found[0]!;
}

export async function standsBy({ daemon }: Member): Promise<void> {
  await eventually(
    'it stands by',
    () => leaderStatus(daemon),
    ({ state }) => state === 'standby',
    { timeoutMs: 20_000 },
  );
}

/** Deletes of keys that were not there any more: where every key is cached before its commit, those that were repeated. */
export async function repeated({ daemon }: Member): Promise<number> {
  return (await daemon.metrics()).sum('unstale_commands_total', { kind: 'delete', result: 'absent' });
}
