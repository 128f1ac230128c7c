import { runInForeground } from '../foreground.ts';
import { endProcessAfter } from './end-process.ts';
import { runProgram } from './program.ts';

// The command line, all in this process.
await endProcessAfter(
  runProgram(process.argv, (load) =>
    runInForeground({ load, loadAgain: load, exitAtOnce: () => process.exit(1) }),
  ),
);
