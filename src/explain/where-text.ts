import type { CacheCommand } from '../change/command.ts';
import type { RowExplanation, RowOutcome } from '../mapping/explain-row.ts';
import { formatReason } from '../mapping/explain.ts';
import { ALL_OPERATIONS } from '../mapping/rule.ts';
import { formatName } from './rows.ts';
import { shownValue } from './source.ts';
import { formatStored, formatTerms, STORED_NOTE } from './stored-text.ts';
import type { ExplainedRow, ExplainedRows, LookupAnswer } from './where.ts';

/** Keys of one lookup that are written for people. */
const MOST_SHOWN = 20;

/** For people: a paragraph a row, and in it a line for what goes. */
export function formatWhere({ table, rows, more }: ExplainedRows): string {
  if (rows.length === 0) return `${table}: no row satisfies the condition`;
  const count = more ? `the first ${rows.length} rows` : rows.length === 1 ? '1 row' : `${rows.length} rows`;
  const stores = rows.some(({ rules }) => rules.some(({ outcomes }) => outcomes.some(isStoring)));
  const head = `${table}: ${count}. What an insert, an update or a delete of each removes${stores ? ' or stores' : ''}; an update besides what its new values give`;
  return [head, ...rows.map(formatRow), ...(stores ? [STORED_NOTE] : [])].join('\n\n');
}

function isStoring({ stored = [], renewed = [] }: RowOutcome): boolean {
  return stored.length + renewed.length > 0;
}

/** For programs: plain data. */
export function whereJson({ table, rows, more }: ExplainedRows): object {
  return {
    table,
    more,
    rows: rows.map(({ row, rules, lookups }) => ({
      row: row.shown,
      rules: rules.map(({ rule, role, template, outcomes }) => ({ rule: rule.id, role, template, outcomes })),
      lookups: lookups.map(({ rule, parameters, result, commands, error }) => ({
        rule: rule.id,
        sql: rule.lookup?.sql,
        parameters: Object.fromEntries(
          Object.entries(parameters).map(([name, value]) => [name, shownValue(value)]),
        ),
        result,
        commands,
        ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
      })),
    })),
  };
}

/** `id=7 email="a@x"`. */
export function formatShown(shown: Readonly<Record<string, string | number | null>>): string {
  return Object.entries(shown)
    .map(([name, value]) => `${name}=${value === null ? 'NULL' : JSON.stringify(value)}`)
    .join(' ');
}

function formatRow({ row, rules, lookups }: ExplainedRow): string {
  // What a query gave is for all templates of its rule.
  const first = rules.filter(
    ({ rule }, index) =>
      rule.kind === 'outbox' ||
      rule.lookup === undefined ||
      rules.findIndex((other) => other.rule === rule) === index,
  );
  const lines = first.flatMap((explained) => formatRule(explained, lookups));
  return [formatShown(row.shown), ...lines].join('\n');
}

function formatRule(explained: RowExplanation, lookups: readonly LookupAnswer[]): string[] {
  const { rule, role, template, outcomes } = explained;
  return groupsOf(outcomes).flatMap(({ ops, provided, outcome }) => {
    const { keys, stored = [], removals, renewed = [], scope, reasons } = outcome;
    const when = ops.length === ALL_OPERATIONS.length && provided.length === 0 ? '' : ops.join(', ');
    const by = `${rule.id} ${template}${when === '' ? '' : `; ${when}`}`;
    const answer = reasons.some(({ kind }) => kind === 'lookup')
      ? lookups.find((one) => one.rule === rule)
      : undefined;
    if (answer !== undefined) return formatAnswer(answer, by);
    return [
      ...stored.map((one) => `  ${formatStored(one)}    (${by}: stored, ${formatTerms(one)})`),
      ...renewed.map(
        (key) => `  ${key} = its new values    (${by}: or removed, if the row gets another key)`,
      ),
      ...(removals ?? []).map(({ key, because }) => `  ${key}    (${by}: removed, because ${because})`),
      ...(removals === undefined ? keys : []).map((key) => `  ${formatName(role, key)}    (${by})`),
      ...(scope === undefined ? [] : [`  ${scope}    (${by}: the whole scope)`]),
      ...reasons.map((reason) => `  nothing    (${by}: ${formatReason(reason)})`),
    ];
  });
}

interface OutcomeGroup {
  /** Those without a proviso first. */
  readonly ops: string[];
  readonly provided: string[];
  readonly outcome: RowOutcome;
}

/** Operations with the same outcome together. */
function groupsOf(outcomes: readonly RowOutcome[]): OutcomeGroup[] {
  const groups = new Map<string, OutcomeGroup>();
  for (const outcome of outcomes.toSorted((one, other) => one.provided.length - other.provided.length)) {
    const { op, keys, stored, removals, renewed, scope, reasons, provided } = outcome;
    const texts = reasons.map((reason) =>
      'image' in reason ? `${reason.kind} ${reason.column}` : formatReason(reason),
    );
    const id = JSON.stringify([keys, stored, removals, renewed, scope, texts]);
    const group = groups.get(id) ?? { ops: [], provided: [], outcome };
    groups.set(id, group);
    group.ops.push(provided.length === 0 ? op : `${op} if ${provided.join(' and ')}`);
    group.provided.push(...provided);
  }
  return [...groups.values()];
}

function formatAnswer({ parameters, result, commands, error }: LookupAnswer, by: string): string[] {
  const asked = `lookup with ${formatShown(
    Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, shownValue(value)])),
  )}`;
  const shown = commands
    .slice(0, MOST_SHOWN)
    .map((command) => `  ${formatCommand(command)}    (${by}; ${asked})`);
  const left = commands.length - shown.length;
  const rest = left === 0 ? [] : [`  … and ${left} more    (--json lists them)`];
  switch (result) {
    case 'ok':
    case 'cached':
      return commands.length === 0 ? [`  nothing    (${by}; ${asked}: no rows)`] : [...shown, ...rest];
    case 'unknown':
      return shown.map((line) => line.replace(/\)$/, ': a value has no exact text)'));
    case 'overflow':
      return shown.map((line) => line.replace(/\)$/, ': more rows than max_keys)'));
    case 'failed':
      return shown.map((line) => line.replace(/\)$/, `: ${error?.message ?? 'failed'})`));
  }
}

function formatCommand(command: CacheCommand): string {
  switch (command.kind) {
    case 'delete':
      return command.key;
    case 'update':
      return `a new value in ${command.key}`;
    case 'set-keys':
      return formatName('set', command.key);
    case 'generation':
      return formatName('generation', command.key);
    case 'scope':
      return command.members ? `the keys in all sets ${command.pattern}` : command.pattern;
  }
}
