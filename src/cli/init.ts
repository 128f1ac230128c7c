import type { Command } from 'commander';

interface InitFlags {
  readonly source: string;
  readonly redis: string;
  readonly output: string;
  readonly clientId: string;
  readonly schema: readonly string[];
  readonly force?: boolean;
}

/** `unstale init`: a first configuration from the live schema. */
export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('write a commented configuration with one rule for each table, from its primary key')
    .requiredOption(
      '--source <url>',
      'MySQL or MariaDB, e.g. mysql://unstale@127.0.0.1:3306; password from MYSQL_PASSWORD',
    )
    .option('--redis <url>', 'Redis', 'redis://127.0.0.1:6379/0')
    .option('-o, --output <file>', 'file to write', 'unstale.yaml')
    .option('--client-id <name>', 'name of this daemon', 'unstale')
    .option(
      '--schema <name>',
      'only tables of this schema (repeatable)',
      (name: string, all: readonly string[]) => [...all, name],
      [],
    )
    .option('--force', 'replace an existing file')
    .addHelpText(
      'after',
      '\nExample:\n  $ MYSQL_PASSWORD=secret unstale init --source mysql://unstale@127.0.0.1:3306 --schema shop',
    )
    .action(async (flags: InitFlags) => {
      const { writeStarter } = await import('../starter-file.ts');
      const { rules, tables } = await writeStarter({
        file: flags.output,
        force: flags.force ?? false,
        clientId: flags.clientId,
        sourceUrl: flags.source,
        password: process.env['MYSQL_PASSWORD'],
        redisUrl: flags.redis,
        schemas: flags.schema,
      });
      console.log(
        `${flags.output}: ${rules} of ${tables} tables have a rule. Next: unstale check -c ${flags.output}`,
      );
    });
}
