import { once } from 'node:events';
import { promisify } from 'node:util';
import type { Settings } from '../config/config.ts';
import { endProcessAfter } from './end-process.ts';
import type { LoadRequest } from './load-in-child.ts';
import { runProgram } from './program.ts';

// The other end of load-in-child.ts.
process.once('disconnect', () => process.exit());
const [request]: LoadRequest[] = await once(process, 'message');
await endProcessAfter(runProgram(request?.argv ?? [], async (load) => send(await load())));

async function send(settings: Settings): Promise<void> {
  if (process.send === undefined) return;
  await promisify<Settings, void>(process.send.bind(process))(settings);
}
