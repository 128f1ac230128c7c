import * as z from 'zod';

export interface Instruction {
  readonly line: number;
  readonly name: string;
  readonly text: string;
}

/** The instructions of a Dockerfile, continued lines joined, comments left out. */
export function parseDockerfile(text: string): Instruction[] {
  const found: Instruction[] = [];
  let open: { line: number; parts: string[] } | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const row = raw.trim();
    if (row === '' || row.startsWith('#')) continue;
    open ??= { line: index + 1, parts: [] };
    open.parts.push(row.replace(/\s*\\$/, ''));
    if (row.endsWith('\\')) continue;
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/s.exec(open.parts.join(' ')) ?? [];
    found.push({ line: open.line, name: name.toUpperCase(), text: rest });
    open = undefined;
  }
  return found;
}

/** The words of an instruction in exec form. @throws Error when it is in another form, which a shell would run. */
export function execForm(text: string): string[] {
  return z.array(z.string()).parse(JSON.parse(text.slice(text.indexOf('['))));
}

/** The command of the only HEALTHCHECK, ENTRYPOINT or CMD. @throws Error when there is not exactly one. */
export function commandOf(instructions: readonly Instruction[], name: string): string[] {
  const [only, ...more] = instructions.filter((one) => one.name === name);
  if (only === undefined || more.length > 0) throw new Error(`the Dockerfile needs one ${name}`);
  return execForm(only.text);
}
