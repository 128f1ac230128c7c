import { endProcess, endProcessAfter } from './end-process.ts';
import { runProgram } from './program.ts';
import { beginStart } from './begin-start.ts';

// The command line, all in this process.
await endProcessAfter(
  runProgram(process.argv, {
    run: async (load) => {
      const { runInForeground } = await import('../foreground.ts');
      await runInForeground({ load, loadAgain: load, exitAtOnce: () => endProcess(1) });
    },
    start: beginStart,
  }),
);
