import { runInForeground } from '../foreground.ts';
import { endProcessAfter } from './end-process.ts';
import { loadInChild } from './load-in-child.ts';

// `unstale run`, without what only its start needs: see load-in-child.ts.
await endProcessAfter(
  runInForeground(
    () => loadInChild(process.argv),
    () => process.exit(1),
  ),
);
