import { once } from 'node:events';
import { promisify } from 'node:util';
import type { Settings } from '../config/config.ts';
import { RefusedConfig } from '../config/errors.ts';
import { asUnstaleError } from '../errors/unstale-error.ts';
import { endProcessAfter } from './end-process.ts';
import type { LoadReply, LoadRequest } from './load-in-child.ts';
import { runProgram } from './program.ts';

// The other end of load-in-child.ts.
process.once('disconnect', () => process.exit());
const [request]: LoadRequest[] = await once(process, 'message');
await endProcessAfter(
  runProgram(request?.argv ?? [], {
    run: async (load) => send(request?.errors === 'send' ? await replyOf(load) : { settings: await load() }),
    start: (start) => send({ start }),
  }),
);

async function replyOf(load: () => Promise<Settings>): Promise<LoadReply> {
  try {
    return { settings: await load() };
  } catch (thrown) {
    const error = asUnstaleError(thrown);
    const sources = error instanceof RefusedConfig ? error.sources : undefined;
    return { refusal: { code: error.code, message: error.message, sources } };
  }
}

async function send(reply: LoadReply): Promise<void> {
  if (process.send === undefined) return;
  await promisify<LoadReply, void>(process.send.bind(process))(reply);
}
