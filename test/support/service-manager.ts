import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';
import { eventually } from './eventually.ts';

/** What systemd is for a service: a socket that takes datagrams. */
export interface NotifySocket {
  /** The variables of a service. */
  readonly environment: Readonly<Record<string, string>>;
  /** What was said so far, a datagram each, with its assignments. */
  readonly said: readonly (readonly string[])[];
  /** Resolves when this was said, from the given datagram on; with the number of the datagram after it. */
  heard(assignment: string, from?: number): Promise<number>;
  close(): Promise<void>;
}

/** Node.js has no such sockets, Perl has. */
const READER = `use Socket; $| = 1;
socket(S, AF_UNIX, SOCK_DGRAM, 0) or die $!; bind(S, pack_sockaddr_un($ARGV[0])) or die $!; print "listening\\n";
while (defined recv(S, my $text, 65536, 0)) { $text =~ s/\\n/\\t/g; print "$text\\n" }`;

export async function openNotifySocket(watchdogMs: number): Promise<NotifySocket> {
  const path = join(await temporaryDirectory('notify'), 'socket');
  const perl = spawn('perl', ['-e', READER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: (readonly string[])[] = [];
  const lines = createInterface({ input: perl.stdout });
  await once(lines, 'line');
  lines.on('line', (line) => said.push(line.split('\t')));
  return {
    environment: { NOTIFY_SOCKET: path, WATCHDOG_USEC: String(watchdogMs * 1000) },
    said,
    heard: async (assignment, from = 0) => {
      const find = (): number => said.findIndex((one, index) => index >= from && one.includes(assignment));
      return (
        (await eventually(`the service manager hears ${assignment}`, find, (index) => index >= 0, {
          timeoutMs: 30_000,
        })) + 1
      );
    },
    close: async () => {
      const ended = once(perl, 'exit');
      perl.kill();
      await ended;
    },
  };
}
