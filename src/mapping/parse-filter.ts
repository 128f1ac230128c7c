import type { Filter, PlainFilter } from '../change/filter.ts';
import { nearestName } from '../errors/nearest-name.ts';
import { DATE_SPECIFIERS, dateFormatProblem } from './date-format.ts';

/** `offset` is relative to the text that was parsed. */
export type FilterResult =
  | { readonly ok: true; readonly filter: Filter }
  | { readonly ok: false; readonly offset: number; readonly problem: string; readonly remedy: string };

const PLAIN: readonly PlainFilter[] = [
  'lower',
  'upper',
  'trim',
  'hex',
  'base64',
  'uuid',
  'sha1',
  'sha256',
  'urlencode',
];

const NAMES: readonly string[] = [...PLAIN, 'date', 'pad', 'default'];

const MAX_PAD = 64;

/** Parses one filter, `name` or `name:argument`, with any spaces around both. */
export function parseFilter(text: string): FilterResult {
  const colon = text.indexOf(':');
  const name = (colon === -1 ? text : text.slice(0, colon)).trim();
  const nameAt = text.length - text.trimStart().length;
  const argument = colon === -1 ? undefined : text.slice(colon + 1).trim();
  const argumentAt =
    colon === -1 ? nameAt + name.length : text.length - text.slice(colon + 1).trimStart().length;
  const missing = (example: string): FilterResult =>
    refuse(argumentAt, `the filter ${name} needs an argument`, `write for example ${example}`);

  const plain = PLAIN.find((known) => known === name);
  if (plain !== undefined) {
    return argument === undefined
      ? { ok: true, filter: { kind: plain } }
      : refuse(colon, `the filter ${name} takes no argument`, `write ${name}`);
  }
  switch (name) {
    case '':
      return refuse(nameAt, 'a filter without a name', 'write for example {email|lower}');
    case 'default':
      // An empty argument is the empty text.
      return argument === undefined
        ? missing('default:none')
        : { ok: true, filter: { kind: 'default', text: argument } };
    case 'pad':
      if (argument === undefined || argument === '') return missing('pad:8');
      if (!/^\d{1,3}$/.test(argument) || Number(argument) < 1 || Number(argument) > MAX_PAD) {
        return refuse(
          argumentAt,
          `${argument} is no width for pad`,
          `write a number from 1 to ${MAX_PAD}, as in pad:8`,
        );
      }
      return { ok: true, filter: { kind: 'pad', width: Number(argument) } };
    case 'date': {
      if (argument === undefined || argument === '') return missing('date:%Y-%m-%d');
      const wrong = dateFormatProblem(argument);
      return wrong === undefined
        ? { ok: true, filter: { kind: 'date', format: argument } }
        : refuse(argumentAt + wrong.offset, wrong.problem, `use ${DATE_SPECIFIERS}, as in date:%Y-%m-%d`);
    }
    default: {
      const near = nearestName(name, NAMES);
      return refuse(
        nameAt,
        `there is no filter ${name}`,
        near === undefined ? `the filters are ${NAMES.join(', ')}` : `did you mean ${near}?`,
      );
    }
  }
}

/** Why this filter cannot stand behind `before`, the filter in front of it; undefined if it can. */
export function orderProblem(filter: Filter, before: Filter | undefined): string | undefined {
  if (before === undefined) return undefined;
  if (filter.kind === 'uuid') return 'uuid takes bytes, not the text of another filter';
  if (filter.kind === 'date') return 'date takes the value of the column, not the text of another filter';
  return undefined;
}

function refuse(offset: number, problem: string, remedy: string): FilterResult {
  return { ok: false, offset, problem, remedy };
}
