import type { PreflightProblem } from '../binlog/preflight/problem.ts';
import { versionOf } from '../mapping/compile-versioned-rule.ts';
import type { Rule, TableRule, VersionSource } from '../mapping/rule.ts';
import { compileSelector, formatSelector } from '../mapping/table-selector.ts';
import type { KeyTemplate } from '../mapping/template.ts';

/** A template whose keys carry versions. */
interface VersionedTemplate {
  readonly rule: TableRule;
  readonly template: KeyTemplate;
  readonly source: VersionSource;
  /** Equal for templates that give the same keys from the same values, whatever their columns are called. */
  readonly shape: string;
}

/** Pairs of rules that are listed. */
const MOST_PAIRS = 20;

/**
 * Rules that give the same keys versions which do not compare: of columns of different tables, of different columns,
 * or of a column and the binlog. A key knows one version, and not where it is from.
 */
export function checkVersionSources(rules: readonly Rule[]): PreflightProblem[] {
  const byShape = Map.groupBy(rules.flatMap(versionedTemplates), ({ shape }) => shape);
  const problems = new Map<string, PreflightProblem>();
  for (const templates of byShape.values()) {
    for (const [index, one] of templates.entries()) {
      const other = templates.slice(index + 1).find((later) => !isSameSource(one, later));
      if (other === undefined || problems.size === MOST_PAIRS) continue;
      const subject = `${one.rule.id} ${other.rule.id}`;
      const message =
        `${one.rule.id} ${one.template.text} and ${other.rule.id} ${other.template.text} give the same keys versions that do not compare: ` +
        `${formatSource(one)} and ${formatSource(other)}. What is newer by one of them may count as older by the other, so that it is ` +
        'not cached, or the other way round. Keep the version of the row that readers read, and give the other rule guard: lease.';
      problems.set(subject, { code: 'UNSTALE_VERSION_SOURCES', severity: 'warning', subject, message });
    }
  }
  return [...problems.values()];
}

function versionedTemplates(rule: Rule): VersionedTemplate[] {
  // The keys of a query's result carry no version.
  if (rule.kind !== 'table' || rule.lookup !== undefined) return [];
  const source = versionOf(rule.action);
  if (source === undefined) return [];
  return rule.keys.map((template) => ({ rule, template, source, shape: shapeOf(rule, template) }));
}

function shapeOf({ tables }: TableRule, { parts }: KeyTemplate): string {
  return parts
    .map((part) => {
      if (part.kind === 'literal') return part.text;
      const { ref, filters } = part;
      const isName = ref.kind === 'schema' || ref.kind === 'table';
      return isName && filters.length === 0 && tables.kind === 'exact' ? tables.table[ref.kind] : '\0';
    })
    .join('');
}

function isSameSource(one: VersionedTemplate, other: VersionedTemplate): boolean {
  if (one.source.kind === 'binlog' || other.source.kind === 'binlog')
    return one.source.kind === other.source.kind;
  return (
    one.source.column.toLowerCase() === other.source.column.toLowerCase() &&
    (isAmong(one.rule, other.rule) || isAmong(other.rule, one.rule))
  );
}

/** Whether the tables of a rule are among those of another one, as far as their selectors tell. */
function isAmong({ tables }: TableRule, other: TableRule): boolean {
  if (tables.kind === 'exact')
    return compileSelector(other.tables).matches(tables.table.schema, tables.table.table);
  return formatSelector(tables) === formatSelector(other.tables);
}

function formatSource({ rule, source }: VersionedTemplate): string {
  return source.kind === 'binlog' ? 'the binlog' : `${formatSelector(rule.tables)}.${source.column}`;
}
