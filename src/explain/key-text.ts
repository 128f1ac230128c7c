import type { RowOperation } from '../change/row-change.ts';
import type { KeyOrigin } from '../mapping/explain-key.ts';
import type { KeyCandidate, RefCondition } from '../mapping/explain-match.ts';
import { conditionSql } from '../mapping/explain-sql.ts';
import { formatReason } from '../mapping/explain.ts';
import { ALL_EVENTS, ALL_OPERATIONS } from '../mapping/rule.ts';
import type { RuleLookup } from '../mapping/rule.ts';
import { formatSelector } from '../mapping/table-selector.ts';
import type { ExplainedKey, ExplainedOrigin, FoundRow, TableAnswer } from './key-rows.ts';
import { shownValue } from './source.ts';
import { formatStores, formatValue, STORED_NOTE } from './stored-text.ts';
import { formatShown } from './where-text.ts';

/** Ways to split the key that are written for people. */
const MOST_SHOWN = 5;

/** For people: a paragraph for each way in which the key can be touched. */
export function formatKey({ key, origins, unreachable }: ExplainedKey): string {
  if (origins.length === 0) return `${key}: no rule can produce it`;
  return [
    key,
    ...origins.map((explained) => indent(formatOrigin(explained))),
    ...(unreachable === undefined ? [] : [`the source was not asked: ${unreachable.message}`]),
  ].join('\n');
}

/** For programs: plain data. */
export function keyJson({ key, origins, unreachable }: ExplainedKey): object {
  return {
    key,
    origins: origins.map(({ origin, tables }) => ({ ...originJson(origin), found: tables.map(answerJson) })),
    ...(unreachable === undefined
      ? {}
      : { unreachable: { code: unreachable.code, message: unreachable.message } }),
  };
}

function indent(lines: readonly string[]): string {
  return lines.map((line, index) => `${index === 0 ? '  ' : '    '}${line}`).join('\n');
}

function formatOrigin({ origin, tables }: ExplainedOrigin): string[] {
  if (origin.kind === 'hint') return ['a comment in a SQL statement may name it (source.hints)'];
  if (origin.kind === 'outbox') {
    const { rule, prefix } = origin;
    const named = [rule.keyColumn, rule.prefixColumn, rule.generationColumn].filter(
      (name) => name !== undefined,
    );
    return [
      `${rule.id} a new row of ${rule.table.schema}.${rule.table.table} may name it in ${named.join(' or ')}`,
      ...(prefix === undefined
        ? []
        : [`it begins with ${prefix}, all of which goes where rows cannot be read`]),
    ];
  }
  const { rule, template } = origin;
  const where = `on ${formatSelector(rule.tables)}`;
  switch (origin.kind) {
    case 'member':
      return [
        `${rule.id} goes if a set ${template.text} holds it (${where}): SMEMBERS of the set tells; no row does`,
      ];
    case 'scope':
      return [
        origin.role === 'generation'
          ? `${rule.id} ${template.text} ${where}: the counter that is incremented where all keys of the rule go`
          : `${rule.id} ${template.text} ${where}: no row gives it; it goes where all keys of the rule are removed, as by a TRUNCATE`,
      ];
    case 'template':
      return [
        `${rule.id} ${template.text} ${where}: ${formatEffect(origin)}`,
        ...formatUpdate(origin),
        ...(rule.lookup === undefined ? [] : [`lookup: ${lookupText(rule.lookup)}`]),
        ...formatCandidates(origin),
        ...tables.flatMap(formatAnswer),
      ];
  }
}

const ROLES: Readonly<Record<'key' | 'set' | 'generation' | 'prefix', string>> = {
  key: 'removed at',
  set: 'a set, whose members are removed at',
  generation: 'a counter, incremented at',
  prefix: 'removed with all that begin so at',
};

type TemplateOrigin = Extract<KeyOrigin, { kind: 'template' }>;

/** Whether the key gets values of rows. */
function isStored({ rule, role }: TemplateOrigin): boolean {
  return role === 'key' && rule.action.kind === 'update';
}

function formatEffect(origin: TemplateOrigin): string {
  const { rule, role } = origin;
  const events = ALL_OPERATIONS.filter((op) => rule.on.has(op));
  const stores = (op: RowOperation): boolean => isStored(origin) && op !== 'delete';
  const storing = events.filter((op) => stores(op));
  const removing = events.filter((op) => !stores(op));
  const effects = [
    ...(storing.length === 0 ? [] : [`stored at ${storing.join(', ')}`]),
    ...(removing.length === 0 ? [] : [`${ROLES[role]} ${removing.join(', ')}`]),
  ];
  return `${effects.join('; ')}${rule.condition === undefined ? '' : ', where its condition holds'}`;
}

/** On which terms the key is stored. */
function formatUpdate(origin: TemplateOrigin): string[] {
  const stores = isStored(origin) ? formatStores(origin.rule) : undefined;
  return stores === undefined ? [] : [`${stores}. ${STORED_NOTE}`];
}

function formatCandidates({ candidates, more, rule }: Extract<KeyOrigin, { kind: 'template' }>): string[] {
  const shown = candidates.slice(0, MOST_SHOWN);
  const left = candidates.length - shown.length;
  return [
    ...shown.map((candidate) =>
      candidate.length === 0
        ? 'every row'
        : `${rule.lookup === undefined ? 'rows with' : 'rows whose lookup gives'} ${candidate.map(formatCondition).join(' and ')}`,
    ),
    ...(left > 0 || more ? [`${more ? 'many' : left} more ways: values may hold the separator`] : []),
  ];
}

/** As the rule has it. */
function lookupText({ sql, parameters }: RuleLookup): string {
  const names = parameters.values();
  return sql.replaceAll('?', () => `:${names.next().value ?? ''}`);
}

/** In SQL where it can be said in SQL. */
function formatCondition({ ref, condition }: RefCondition): string {
  const name = 'name' in ref ? ref.name : `{${ref.kind}}`;
  const sql = conditionSql(name, condition, undefined);
  if (typeof sql === 'string') return sql;
  const through = condition.filters.map(({ kind }) => kind).join(', ');
  const values = condition.values.map((value) => JSON.stringify(shownValue(value))).join(' or ');
  return `${name} of which ${through} makes ${values} (cannot be derived)`;
}

function formatAnswer({ table, sql, rows, more, error }: TableAnswer): string[] {
  const statement = sql === undefined ? [] : [sql];
  if (error !== undefined) return [`${table}: ${error.message}`];
  if (rows === undefined) return sql === undefined ? [`${table}: SQL cannot find the rows`] : statement;
  if (rows.length === 0)
    return [...statement, `${table}: no such row now${more ? ' among the first 1000' : ''}`];
  return [
    ...statement,
    `${table}: ${more ? `${rows.length} rows and more` : rows.length === 1 ? '1 row' : `${rows.length} rows`} now`,
    ...rows.map((row) => `  ${formatFound(row)}`),
  ];
}

/** The row, and what keeps the rule from reacting to it. */
function formatFound({ row, outcomes }: FoundRow): string {
  const silent = outcomes.flatMap(({ op, reasons }) =>
    reasons.flatMap((reason) =>
      reason.kind === 'condition' || reason.kind === 'operation' ? [`${op}: ${formatReason(reason)}`] : [],
    ),
  );
  const values = outcomes.flatMap(({ op, stored = [], removals = [] }) => [
    ...stored.map((one) => `stored as ${formatValue(one)}, version ${one.version}`),
    ...removals.flatMap(({ because }) => (op === 'delete' ? [] : [`not stored: ${because}`])),
  ]);
  const notes = [...(silent.length === 0 ? [] : [`not at ${silent.join('; ')}`]), ...values];
  return `${formatShown(row.shown)}${notes.length === 0 ? '' : `    (${notes.join('; ')})`}`;
}

function originJson(origin: KeyOrigin): object {
  if (origin.kind === 'hint') return { kind: origin.kind };
  const { kind, rule } = origin;
  if (kind === 'outbox') {
    const { table, keyColumn, prefixColumn, generationColumn } = rule;
    return {
      kind,
      rule: rule.id,
      tables: `${table.schema}.${table.table}`,
      columns: { key: keyColumn, prefix: prefixColumn, generation: generationColumn },
      prefix: origin.prefix,
    };
  }
  const head = {
    kind,
    rule: rule.id,
    tables: formatSelector(rule.tables),
    on: ALL_EVENTS.filter((event) => rule.on.has(event)),
    template: origin.template.text,
  };
  if (kind === 'member') return head;
  if (kind === 'scope') return { ...head, role: origin.role };
  return {
    ...head,
    role: origin.role,
    conditional: rule.condition !== undefined,
    ...(rule.lookup === undefined ? {} : { lookup: lookupText(rule.lookup) }),
    candidates: origin.candidates.map(candidateJson),
    more: origin.more,
  };
}

function candidateJson(candidate: KeyCandidate): object[] {
  return candidate.map(({ ref, condition }) => {
    const sql = conditionSql('name' in ref ? ref.name : ref.kind, condition, undefined);
    return {
      of: ref.kind,
      name: 'name' in ref ? ref.name : undefined,
      filters: condition.filters,
      values: condition.values.map(shownValue),
      or_null: condition.orNull,
      sql: typeof sql === 'string' ? sql : undefined,
    };
  });
}

function answerJson({ table, sql, rows, more, error }: TableAnswer): object {
  return {
    table,
    sql,
    rows: rows?.map(({ row, outcomes }) => ({ row: row.shown, outcomes })),
    more,
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  };
}
