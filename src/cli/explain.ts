import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { explainRows, formatExplained } from '../explain-rows.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';

interface ExplainFlags extends ConfigFlags {
  readonly row?: string;
  readonly json?: boolean;
}

/** `unstale explain`: rows in, keys out, without any server. */
export function addExplainCommand(program: Command): void {
  withConfigFlags(program.command('explain'))
    .description('show the keys that a changed row would remove')
    .option('--row <json>', 'the change; read from standard input when it is not given')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Example:
  $ unstale explain -c unstale.yaml --row '{"table": "shop.users", "before": {"id": 7}, "after": {"id": 7}}'`,
    )
    .action(async (flags: ExplainFlags) => {
      const config = await configOf(flags);
      const explained = explainRows(config, flags.row ?? (await text(process.stdin)));
      console.log(flags.json ? JSON.stringify(explained, null, 2) : formatExplained(explained));
    });
}
