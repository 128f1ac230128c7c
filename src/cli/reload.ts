import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { AdminConfig } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { askSupervisor, isSupervised } from '../supervisor/control-client.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';
import { addressOf, parseObject, requestDaemon, unreachable } from './daemon-request.ts';
import { directoriesOf, supervisedWith, withRunDirectoryFlag } from './supervisor-request.ts';
import type { DirectoryFlags } from './supervisor-request.ts';

/** The daemon answers within 10 s, with what is under way if nothing else. */
const LONGEST_SILENCE = 20_000;
/** A daemon that did not run has to start first, ms. */
const LONGEST_RELOAD = 120_000;

interface ReloadFlags extends ConfigFlags, DirectoryFlags {
  readonly invalidate?: boolean;
  readonly json?: boolean;
}

/**
 * `unstale reload`: running daemons read their configurations again. With `-c` it is the daemon of this configuration, asked through its
 * supervisor if one runs it, and on its admin address otherwise; without, all daemons of the supervisor if one runs.
 */
export function addReloadCommand(program: Command): void {
  withRunDirectoryFlag(withConfigFlags(program.command('reload')))
    .description('let running daemons read their configurations again')
    .option('--invalidate', 'remove all keys of rules that changed or went away')
    .option('--no-invalidate', 'remove none of them, whatever reload.invalidate says')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ unstale reload
  $ unstale reload -c unstale.yaml --invalidate

With -c: the daemon of this configuration. Without: all daemons that unstale start runs, and if none does, that of unstale.yaml.`,
    )
    .action(async (flags: ReloadFlags, command: Command) => {
      const { run } = directoriesOf(flags);
      const names =
        command.getOptionValueSource('config') === 'default' && (await isSupervised(run)) ? [] : undefined;
      // A mistake is told here already, with its place; the daemon would refuse it as well.
      const config = names === undefined ? await configOf(flags) : undefined;
      const supervised = config === undefined ? names : await supervisedNames(run, config.clientId);
      if (supervised === undefined) report(await askDaemon(config?.admin, flags.invalidate), flags.json);
      else await reloadSupervised(run, supervised, flags);
    });
}

/** The daemon of this name, in a list, if a supervisor runs it. */
async function supervisedNames(run: string, clientId: string): Promise<readonly string[] | undefined> {
  const name = await supervisedWith(run, clientId);
  return name === undefined ? undefined : [name];
}

async function reloadSupervised(
  run: string,
  daemons: readonly string[],
  { invalidate, json }: ReloadFlags,
): Promise<void> {
  const results = await askSupervisor(
    run,
    { type: 'reload', daemons, ...(invalidate === undefined ? {} : { invalidate }) },
    { silence: LONGEST_RELOAD },
  );
  if (json) console.log(JSON.stringify(results, null, 2));
  const refused: string[] = [];
  for (const [name, outcome] of Object.entries(parseObject(JSON.stringify(results)))) {
    const body = parseObject(JSON.stringify(outcome));
    if (body['result'] === 'refused') refused.push(`${name} refuses: ${String(body['message'])}`);
    else if (!json) console.log(`${name}: ${describe(body)}`);
  }
  if (refused.length > 0) throw new UnstaleError('UNSTALE_RELOAD_REFUSED', refused.join('\n'));
}

async function askDaemon(
  admin: AdminConfig | undefined,
  invalidate: boolean | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  const query = invalidate === undefined ? '' : `?invalidate=${invalidate}`;
  const path = `/reload${query}`;
  const response = await requestDaemon(admin, { method: 'POST', path, silence: LONGEST_SILENCE });
  const body = parseObject(await text(response));
  if ('result' in body) return body;
  throw unreachable(`${addressOf(admin)} answers, but is no daemon of this version`);
}

function report(body: Readonly<Record<string, unknown>>, json = false): void {
  if (json) console.log(JSON.stringify(body, null, 2));
  if (body['result'] === 'refused')
    throw new UnstaleError('UNSTALE_RELOAD_REFUSED', `the daemon refuses: ${String(body['message'])}`);
  if (!json) console.log(describe(body));
}

function describe(body: Readonly<Record<string, unknown>>): string {
  switch (body['result']) {
    case 'applied':
      return `reloaded: ${JSON.stringify(body['rules'])}, mapping ${String(body['mapping_hash'])}`;
    case 'unchanged':
      return 'nothing has changed';
    case 'started':
      return 'started with the configuration as it is now';
    default:
      return 'under way: it is in force once Redis has acknowledged what was read before; see the log or /status';
  }
}
