import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { parseInitPosition } from '../config/init-position.ts';
import { parseDurationText } from '../duration/duration.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { Target } from '../operator/stored-wait.ts';
import { askDaemon, DaemonAbsent } from './daemon-request.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';

/** What the daemon waits in one request, ms. */
const LONGEST_POLL = 10_000;
/** An address of a request may not be longer. */
const LONGEST_GTID = 4000;
/** It is asked again, or too many wait there already, or it cannot tell: the state tables can. */
const ACCEPTED = [404, 409, 429, 504];

interface WaitFlags extends ConfigFlags {
  readonly gtid?: string;
  readonly timeout: string;
  readonly json?: boolean;
}

interface Waited {
  readonly applied: boolean;
  readonly position: string | null;
  readonly missing: string;
  /** Who told it. */
  readonly by: 'daemon' | 'state';
}

/** `unstale wait`: for scripts and tests that need to know that a change has reached Redis. */
export function addWaitCommand(program: Command): void {
  withConfigFlags(program.command('wait'))
    .description('wait until everything that is committed now, or up to a GTID, is applied by Redis')
    .option(
      '--gtid <set>',
      'a GTID or GTID set of MySQL or MariaDB; the present end of the binlog unless given',
    )
    .option('--timeout <duration>', 'how long to wait', '10s')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ unstale wait -c unstale.yaml --timeout 1s && curl http://shop/products/1',
    )
    .action(async (flags: WaitFlags) => {
      const timeoutMs = parseDurationText(flags.timeout);
      if (timeoutMs === undefined) {
        const message = `--timeout "${flags.timeout}" is no duration; write for example 500ms or 10s`;
        throw new UnstaleError('UNSTALE_USAGE', message);
      }
      const config = await configOf(flags);
      const target = flags.gtid === undefined ? await presentEnd(config) : targetOf(flags.gtid);
      const waited = await waitFor(config, target, timeoutMs);
      if (flags.json) console.log(JSON.stringify(waited, null, 2));
      if (!waited.applied) throw tooLate(flags.timeout, waited);
      if (!flags.json) console.log(`applied up to ${waited.position ?? 'nowhere'}`);
    });
}

async function presentEnd(config: Config): Promise<Target> {
  const { currentTarget } = await import('../operator/stored-wait.ts');
  return currentTarget(config);
}

/** @throws UnstaleError UNSTALE_USAGE for what is no GTID set */
function targetOf(gtid: string): Target {
  const parsed = parseInitPosition(gtid);
  if (parsed.ok && parsed.value.from === 'gtid') return { gtid: parsed.value.gtidSet };
  throw new UnstaleError('UNSTALE_USAGE', `--gtid "${gtid}" is no GTID set of MySQL or MariaDB`);
}

async function waitFor(config: Config, target: Target, timeoutMs: number): Promise<Waited> {
  const deadline = performance.now() + timeoutMs;
  const left = (): number => Math.max(1, Math.ceil(deadline - performance.now()));
  for (;;) {
    const answer = await askToWait(config, target, Math.min(left(), LONGEST_POLL));
    if (answer === undefined) {
      const { waitStored } = await import('../operator/stored-wait.ts');
      return { ...(await waitStored(config, target, left())), by: 'state' };
    }
    if (answer.applied || performance.now() >= deadline) return { ...answer, by: 'daemon' };
  }
}

/** Undefined where no daemon can tell. */
async function askToWait(
  { admin }: Config,
  target: Target,
  timeoutMs: number,
): Promise<Omit<Waited, 'by'> | undefined> {
  const query =
    target.gtid === undefined
      ? `position=${encodeURIComponent(`${target.place.file}:${target.place.offset}`)}`
      : `gtid=${encodeURIComponent(target.gtid)}`;
  if (query.length > LONGEST_GTID) return undefined;
  try {
    const { status, body } = await askDaemon(admin, {
      method: 'GET',
      path: `/wait?${query}&timeout=${timeoutMs}ms`,
      silence: timeoutMs + LONGEST_POLL,
      accepts: ACCEPTED,
    });
    if (status !== 200 && status !== 504) return undefined;
    const { applied, missing } = body;
    return {
      applied: status === 200,
      position: typeof applied === 'string' ? applied : null,
      missing: typeof missing === 'string' ? missing : '',
    };
  } catch (error) {
    if (error instanceof DaemonAbsent) return undefined;
    throw error;
  }
}

function tooLate(timeout: string, { position, missing, by }: Waited): UnstaleError {
  const whose = by === 'daemon' ? 'applied' : 'stored';
  return new UnstaleError(
    'UNSTALE_WAIT_TIMEOUT',
    `not within ${timeout}: everything up to ${position ?? 'nowhere'} is ${whose}; missing ${missing}`,
  );
}
