import type { Command } from 'commander';
import type { CheckReport } from '../preconditions.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';

interface CheckFlags extends ConfigFlags {
  readonly json?: boolean;
  readonly ddl?: boolean;
}

const EXIT_FOUND_SOMETHING = 4;

/** `unstale check`: every problem of configuration and servers at once, with what fixes each. */
export function addCheckCommand(program: Command): void {
  withConfigFlags(program.command('check'))
    .description('check configuration, rules, MySQL and Redis, and print what to fix; changes nothing')
    .option('--json', 'print JSON')
    .option('--ddl', 'print the statements that create the state tables, and check nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ unstale check -c unstale.yaml
  $ unstale check -c unstale.yaml --json
  $ unstale check -c unstale.yaml --ddl

It also looks at what the rules do on the servers: the query plans of lookups, conditions that cannot hold, rules that repeat others.
Exit code 0: ready to run, 4: something has to be fixed; warnings and notes do not count.`,
    )
    .action(async (flags: CheckFlags) => {
      const config = await configOf(flags);
      const { formatCheck, isHealthy, stateTables } = await import('../preconditions.ts');
      if (flags.ddl) {
        console.log(
          stateTables(config)
            .map((statement) => `${statement};`)
            .join('\n'),
        );
        return;
      }
      const { checkServers } = await import('../check-servers.ts');
      const report = await checkServers(config);
      const ok = isHealthy(report);
      console.log(flags.json ? JSON.stringify({ ok, ...toJson(report) }, null, 2) : formatCheck(report));
      if (!ok) process.exitCode = EXIT_FOUND_SOMETHING;
    });
}

function toJson(report: CheckReport): object {
  const { redis } = report;
  return {
    server: report.source.server,
    problems: report.source.problems,
    redis:
      redis === undefined
        ? { ok: true }
        : { ok: false, code: redis.code, message: redis.message, hint: redis.policy.hint },
  };
}
