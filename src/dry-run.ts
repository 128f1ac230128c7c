import type { CacheCommand } from './change/command.ts';
import type { Config } from './config/config.ts';
import { selectorOf } from './mapping/rule.ts';
import { formatSelector } from './mapping/table-selector.ts';
import { DryRunSink } from './pipeline/dry-run-sink.ts';
import type { DryRunRule } from './pipeline/dry-run-sink.ts';
import type { CommandSink, Log } from './pipeline/ports.ts';

/** Time between two accounts of what would have been done, ms. */
const REPORT_INTERVAL = 10_000;

/**
 * What a dry run has in place of Redis; undefined if the configuration is for a real one. It says in the log that it
 * is one, and what each rule would have done: regularly while it changes, and for all rules at the end.
 *
 * @param current the configuration in force
 * @param closers gets what is called at the end
 */
export function openDryRun(
  current: () => Config,
  log: Log,
  closers: (() => Promise<void>)[],
): CommandSink | undefined {
  if (current().dryRun !== true) return undefined;
  log.warn({}, 'dry run: nothing is deleted in Redis, and no position is stored');
  const sink = new DryRunSink();
  const reported = new Map<string, number>();
  const report = (rules: Iterable<readonly [string, DryRunRule]>): void => {
    for (const [rule, { counts, sample }] of rules) {
      reported.set(rule, total(counts));
      const found = current().plan.rules.find(({ id }) => id === rule);
      const table = found === undefined ? {} : { table: formatSelector(selectorOf(found)) };
      log.info(
        { rule, ...table, counts, sample: sample.map(describe) },
        'dry run: what this rule would have done',
      );
    }
  };
  const changed = (): [string, DryRunRule][] =>
    [...sink.summary].filter(([rule, { counts }]) => total(counts) !== (reported.get(rule) ?? 0));
  const timer = setInterval(() => report(changed()), REPORT_INTERVAL).unref();
  closers.push(() => {
    clearInterval(timer);
    report(sink.summary);
    const idle = current()
      .plan.rules.map(({ id }) => id)
      .filter((id) => !sink.summary.has(id));
    if (idle.length > 0) log.info({ rules: idle }, 'dry run: these rules had nothing to do');
    return Promise.resolve();
  });
  return sink;
}

function total(counts: DryRunRule['counts']): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function describe(command: CacheCommand): string {
  switch (command.kind) {
    case 'delete':
      return command.key;
    case 'update':
      return `a new value in ${command.key}`;
    case 'set-keys':
      return `the keys that the set ${command.key} names`;
    case 'generation':
      return `a new generation in ${command.key}`;
    case 'scope':
      return `all keys ${command.pattern}${command.members ? ', sets with the keys that they name' : ''} (${command.reason})`;
  }
}
