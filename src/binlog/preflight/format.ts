import type { PreflightProblem, PreflightReport } from './problem.ts';

/** The report for people: the server, errors before warnings before what is worth knowing, a paragraph each, and a last line that counts. */
export function formatPreflight({ server, problems }: PreflightReport): string {
  const name = server.flavour === 'mysql' ? 'MySQL' : 'MariaDB';
  const of = (severity: PreflightProblem['severity']): readonly PreflightProblem[] =>
    problems.filter((problem) => problem.severity === severity);
  const errors = of('error');
  const warnings = of('warning');
  const notes = of('info');
  const paragraphs = [
    `${name} ${server.version}, server_id ${server.serverId}, ${server.serverUuid}`,
    ...[...errors, ...warnings, ...notes].map(formatProblem),
    problems.length === 0
      ? 'Every precondition of the server is met.'
      : `${count(errors.length, 'error')}, ${count(warnings.length, 'warning')}${notes.length === 0 ? '' : `, ${count(notes.length, 'note')}`}.`,
  ];
  return paragraphs.join('\n\n');
}

function formatProblem({ code, severity, subject, message, fix }: PreflightProblem): string {
  return [
    [severity, code, subject].filter((text) => text !== undefined).join('  '),
    `  ${message}`,
    ...(fix === undefined ? [] : [`  fix: ${fix};`]),
  ].join('\n');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
