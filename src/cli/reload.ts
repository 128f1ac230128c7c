import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { UnstaleError } from '../errors/unstale-error.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';
import { addressOf, parseObject, requestDaemon, unreachable } from './daemon-request.ts';

/** The daemon answers within 10 s, with what is under way if nothing else. */
const LONGEST_SILENCE = 20_000;

interface ReloadFlags extends ConfigFlags {
  readonly invalidate?: boolean;
  readonly json?: boolean;
}

/** `unstale reload`: the running daemon reads its configuration again. */
export function addReloadCommand(program: Command): void {
  withConfigFlags(program.command('reload'))
    .description('let the running daemon read its configuration again')
    .option('--invalidate', 'remove all keys of rules that changed or went away')
    .option('--no-invalidate', 'remove none of them, whatever reload.invalidate says')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ unstale reload -c unstale.yaml --invalidate')
    .action(async (flags: ReloadFlags) => {
      // A mistake is told here already, with its place; the daemon would refuse it as well.
      const { admin } = await configOf(flags);
      const query = flags.invalidate === undefined ? '' : `?invalidate=${flags.invalidate}`;
      const path = `/reload${query}`;
      const response = await requestDaemon(admin, { method: 'POST', path, silence: LONGEST_SILENCE });
      const body = parseObject(await text(response));
      if (!('result' in body)) {
        throw unreachable(`${addressOf(admin)} answers, but is no daemon of this version`);
      }
      if (flags.json) console.log(JSON.stringify(body, null, 2));
      if (body['result'] === 'refused') {
        throw new UnstaleError('UNSTALE_RELOAD_REFUSED', `the daemon refuses: ${String(body['message'])}`);
      }
      if (!flags.json) console.log(describe(body));
    });
}

function describe(body: Readonly<Record<string, unknown>>): string {
  switch (body['result']) {
    case 'applied':
      return `reloaded: ${JSON.stringify(body['rules'])}, mapping ${String(body['mapping_hash'])}`;
    case 'unchanged':
      return 'nothing has changed';
    default:
      return 'under way: it is in force once Redis has acknowledged what was read before; see the log or /status';
  }
}
