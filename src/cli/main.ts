import { endProcessAfter } from './end-process.ts';
import { runProgram } from './program.ts';
import { beginStart } from './begin-start.ts';
import { runInForeground } from '../foreground.ts';

// The command line, all in this process.
await endProcessAfter(
  runProgram(process.argv, {
    run: (load) => runInForeground({ load, loadAgain: load, exitAtOnce: () => process.exit(1) }),
    start: beginStart,
  }),
);
