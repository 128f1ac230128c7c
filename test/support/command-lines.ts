/**
 * The arguments of each call of `unstale` in a line of a shell or of prose: behind variables, `npx`, or the commands that run
 * something in a container. Optional parts (`[-c FILE]`) are taken, of alternatives (`show|set`) each; what stands for any
 * command (`unstale COMMAND`) is left out.
 */
export function unstaleCalls(line: string): string[][] {
  return simpleCommands(line).flatMap((words) => {
    const args = argumentsOf(words);
    if (args === undefined || !/^-{0,2}[a-z]/.test(args[0] ?? '')) return [];
    return alternatives(args);
  });
}

/** Words of the commands of a line, without comments. */
function simpleCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  const words = line.match(/(?:"(?:\\.|[^"])*"|'[^']*'|[^\s"'])+/g) ?? [];
  for (const word of words) {
    if (word.startsWith('#')) break;
    const last = commands.at(-1) ?? [];
    if (['|', '||', '&&', ';', '&'].includes(word)) commands.push([]);
    else if (word.endsWith(';')) {
      last.push(unquoted(word.slice(0, -1)));
      commands.push([]);
    } else last.push(unquoted(word));
  }
  return commands;
}

function unquoted(word: string): string {
  return word.replaceAll(
    /"((?:\\.|[^"])*)"|'([^']*)'/g,
    (_, double: string | undefined, single: string | undefined) =>
      double === undefined ? (single ?? '') : double.replaceAll(/\\(.)/g, '$1'),
  );
}

/** What is passed to `unstale`, or undefined where it is not called. */
function argumentsOf(words: readonly string[]): string[] | undefined {
  const start = words.findIndex((word) => word !== '$' && !/^[A-Z_]+=/.test(word));
  const rest = words.slice(Math.max(start, 0));
  const [program, sub] = rest;
  if (program === 'unstale') return rest.slice(1);
  if (program === 'npx' && sub === 'unstale') return rest.slice(2);
  const runs = program === 'docker' && ['run', 'exec', 'compose'].includes(sub ?? '');
  if (!runs && !(program === 'kubectl' && rest.includes('--'))) return undefined;
  const called = rest.indexOf('unstale', program === 'kubectl' ? rest.indexOf('--') : 0);
  return called === -1 ? undefined : rest.slice(called + 1);
}

function alternatives(args: readonly string[]): string[][] {
  let all: string[][] = [[]];
  for (const arg of args) {
    // Text that was in quotes has spaces or braces; a placeholder in brackets has neither.
    const bare = /[\s{"]/.test(arg) ? arg : arg.replaceAll(/^\[+|\]+$/g, '');
    if (['…', '...', ''].includes(bare)) continue;
    const choices = /^[\w-]+(?:\|[\w-]+)+$/.test(bare) ? bare.split('|') : [bare];
    all = all.flatMap((head) => choices.map((choice) => [...head, choice]));
  }
  return all;
}
