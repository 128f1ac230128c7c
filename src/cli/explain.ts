import { text } from 'node:stream/consumers';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { parseDuration } from '../config/durations.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';

interface ExplainFlags extends ConfigFlags {
  readonly row?: string;
  readonly table?: string;
  readonly where?: string;
  readonly key?: string;
  readonly limit: number;
  readonly timeout: number;
  readonly source: boolean;
  readonly json?: boolean;
}

const EXIT_NOTHING_FOUND = 4;
const MOST_ROWS = 1000;

/** `unstale explain`: from rows to keys, and from a key to rows. */
export function addExplainCommand(program: Command): void {
  withConfigFlags(program.command('explain'))
    .description(
      'show the keys that changed rows would remove or store, or the rows and rules behind a key; changes nothing',
    )
    .option('--row <json>', 'the change; read from standard input when nothing is given')
    .option('--table <schema.table>', 'the table of --where')
    .option('--where <sql>', 'rows of the source that satisfy this condition; lookups are run')
    .option('--key <key>', 'which rules can touch this key, and which rows give it')
    .option('--limit <n>', 'rows that are shown', parseLimit, 20)
    .option('--timeout <duration>', 'longest wait for an answer of the source', parseTimeout, 10_000)
    .option('--no-source', 'do not ask the source for the rows behind --key')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ unstale explain -c unstale.yaml --row '{"table": "shop.users", "before": {"id": 7}, "after": {"id": 7}}'
  $ unstale explain -c unstale.yaml --table shop.users --where "email LIKE '%@example.org'"
  $ unstale explain -c unstale.yaml --key user:7

Exit code 0: done, 4: no rule can produce the key.`,
    )
    .action(async (flags: ExplainFlags) => {
      requireOneQuestion(flags);
      const config = await configOf(flags);
      const { key, table, where, limit, timeout } = flags;
      const print = (json: unknown, formatted: string): void => {
        console.log(flags.json ? JSON.stringify(json, null, 2) : formatted);
      };
      if (key !== undefined) {
        const { explainKeyRows } = await import('../explain/key-rows.ts');
        const { formatKey, keyJson } = await import('../explain/key-text.ts');
        const explained = await explainKeyRows(config, { key, ask: flags.source, limit, timeout });
        print(keyJson(explained), formatKey(explained));
        if (explained.origins.length === 0) process.exitCode = EXIT_NOTHING_FOUND;
      } else if (table !== undefined && where !== undefined) {
        const { explainWhere } = await import('../explain/where.ts');
        const { formatWhere, whereJson } = await import('../explain/where-text.ts');
        const explained = await explainWhere(config, { table, where, limit, timeout });
        print(whereJson(explained), formatWhere(explained));
      } else {
        const { explainRows, formatExplained } = await import('../explain/rows.ts');
        const explained = explainRows(config, flags.row ?? (await text(process.stdin)));
        print(explained, formatExplained(explained));
      }
    });
}

function requireOneQuestion({ row, table, where, key }: ExplainFlags): void {
  if ((table === undefined) !== (where === undefined)) {
    const missing = table === undefined ? '--table schema.table' : '--where "SQL condition"';
    throw new UnstaleError('UNSTALE_USAGE', `--table and --where belong together; add ${missing}`);
  }
  if (where?.trim() === '')
    throw new UnstaleError('UNSTALE_USAGE', '--where is empty; write TRUE for all rows');
  if ([row, where, key].filter((question) => question !== undefined).length > 1) {
    throw new UnstaleError('UNSTALE_USAGE', '--row, --where and --key exclude each other');
  }
}

function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MOST_ROWS) return limit;
  throw new InvalidArgumentError(`write a number from 1 to ${MOST_ROWS}`);
}

function parseTimeout(text: string): number {
  const parsed = parseDuration(text);
  if (parsed.ok && parsed.value > 0) return parsed.value;
  throw new InvalidArgumentError('write for example 5s');
}
