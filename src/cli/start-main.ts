import { beginStart } from './begin-start.ts';
import { endProcessAfter } from './end-process.ts';
import { readStartInChild } from './load-in-child.ts';

// `unstale start`: a supervisor in the foreground stays, so that what only its start needs is loaded by another process.
await endProcessAfter(
  (async () => {
    const request = await readStartInChild(process.argv);
    if (request !== undefined) await beginStart(request);
  })(),
);
