import { once } from 'node:events';
import type { Command } from 'commander';
import { addressOf } from './daemon-request.ts';
import { readDaemonStream } from './daemon-stream.ts';
import { endOfInterest } from './end-of-interest.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';
import { formatTailLine } from './tail-line.ts';

interface TailFlags extends ConfigFlags {
  readonly rule: readonly string[];
  readonly table?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** `unstale tail`: what the running daemon does to Redis, as it does it. */
export function addTailCommand(program: Command): void {
  withConfigFlags(program.command('tail'))
    .description('show each key that the running daemon deletes, until Ctrl-C')
    .option(
      '--rule <place>',
      'only of this rule, e.g. rules[0] (repeatable)',
      (place: string, all: readonly string[]) => [...all, place],
      [],
    )
    .option('--table <schema.table>', 'only of the rules on this table')
    .option('--key <glob>', 'only keys that match, e.g. user:*')
    .option('--json', 'print a JSON object a line')
    .addHelpText('after', "\nExample:\n  $ unstale tail -c unstale.yaml --key 'user:*'")
    .action(async (flags: TailFlags) => {
      const config = await configOf(flags);
      const { rulesOfTable } = await import('../explain/rows.ts');
      const rules = [...flags.rule, ...(flags.table === undefined ? [] : rulesOfTable(config, flags.table))];
      const query = new URLSearchParams(rules.map((rule): [string, string] => ['rule', rule]));
      if (flags.key !== undefined) query.set('key', flags.key);
      const ending = endOfInterest();
      const lines = readDaemonStream(config.admin, `/tail?${query.toString()}`, ending);
      let began = false;
      for await (const line of lines) {
        if (!began) {
          process.stderr.write(`following the daemon on ${addressOf(config.admin)}; Ctrl-C ends\n`);
        }
        began = true;
        const shown = flags.json
          ? 'heartbeat' in line
            ? undefined
            : JSON.stringify(line)
          : formatTailLine(line);
        if (shown === undefined || process.stdout.write(`${shown}\n`)) continue;
        // A slow terminal holds the stream back, and the daemon drops lines: nothing piles up on either side.
        await once(process.stdout, 'drain', { signal: ending }).catch(() => undefined);
      }
    });
}
