/** The groups that the specifiers stand for. */
const SPECIFIERS: Readonly<Record<string, string>> = {
  Y: 'year',
  m: 'month',
  d: 'day',
  H: 'hour',
  i: 'minute',
  s: 'second',
  f: 'fraction',
};

const DAY =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)(?: (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)(?:\.(?<fraction>\d{1,6}))?)?$/;
const TIME = /^(?<sign>-?)(?<hour>\d{2,3}):(?<minute>\d\d):(?<second>\d\d)(?:\.(?<fraction>\d{1,6}))?$/;

/** What is wrong with a format of the `date` filter, and where, in UTF-16 code units; undefined if nothing is. */
export function dateFormatProblem(
  format: string,
): { readonly offset: number; readonly problem: string } | undefined {
  let named = false;
  for (const found of format.matchAll(/%([\s\S]?)/g)) {
    const [whole, specifier = ''] = found;
    if (specifier === '%') continue;
    if (SPECIFIERS[specifier] === undefined)
      return { offset: found.index, problem: `${whole} is no part of a date that can be written` };
    named = true;
  }
  return named ? undefined : { offset: 0, problem: 'the date format names no part of the date' };
}

/** The specifiers that `dateFormatProblem` accepts, for people. */
export const DATE_SPECIFIERS = `${Object.keys(SPECIFIERS)
  .map((letter) => `%${letter}`)
  .join(' ')} and %%`;

/**
 * The text of a DATE, DATETIME or TIMESTAMP in another format, as MySQL's DATE_FORMAT gives it, or of a TIME, as
 * TIME_FORMAT does. Undefined for other texts, and for a TIME where the format asks for a day.
 */
export function formatDate(text: string, format: string): string | undefined {
  const day = DAY.exec(text)?.groups;
  const groups = day ?? TIME.exec(text)?.groups;
  if (groups === undefined) return undefined;
  // A DATE is midnight, but a TIME is no day.
  const missing = day === undefined ? undefined : '00';
  let known = true;
  const formatted = format.replace(/%([\s\S])/g, (_, specifier: string) => {
    if (specifier === '%') return '%';
    const name = SPECIFIERS[specifier] ?? '';
    if (name === 'fraction') return (groups[name] ?? '').padEnd(6, '0');
    const value = groups[name] ?? missing;
    known &&= value !== undefined;
    return value ?? '';
  });
  return known ? (groups['sign'] ?? '') + formatted : undefined;
}
