import { runInForeground } from '../foreground.ts';
import { endProcessAfter } from './end-process.ts';
import { loadAgainInChild, loadInChild } from './load-in-child.ts';

// `unstale run`, without what only its start needs: see load-in-child.ts.
await endProcessAfter(
  runInForeground({
    load: () => loadInChild(process.argv),
    loadAgain: () => loadAgainInChild(process.argv),
    exitAtOnce: () => process.exit(1),
  }),
);
