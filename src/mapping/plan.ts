import { createHash } from 'node:crypto';
import { commandIdentity } from '../change/command.ts';
import type { CacheCommand, LookupRequest } from '../change/command.ts';
import type { RowChange, RowImage } from '../change/row-change.ts';
import type { ScopeReason } from '../change/source-event.ts';
import { formatTable } from '../change/table.ts';
import type { BinlogOrder } from '../change/version.ts';
import type { TableInterest, TableInterests, TableReach, TableRef } from '../change/table.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { compileOutboxRule } from './compile-outbox-rule.ts';
import {
  compileTableRule,
  lookupOf,
  plainKeyRule,
  ruleColumns,
  ruleColumnsBefore,
} from './compile-table-rule.ts';
import { PlainKeyTable } from './plain-key-table.ts';
import { MappedTable, PlannedTable } from './planned-table.ts';
import { canonicalRule, selectorOf } from './rule.ts';
import type { Rule } from './rule.ts';
import { ruleScopes } from './rule-scopes.ts';
import { compileSelector, formatSelector } from './table-selector.ts';
import type { TableMatcher } from './table-selector.ts';

/** What mapping appends to. */
export interface MappingOutput {
  readonly commands: CacheCommand[];
  readonly lookups: LookupRequest[];
  /** Row images that have no key because of SQL NULL. */
  nullKeys: number;
  /** Keys of the transaction so far, by the place of the rule; only of rules that limit them. */
  readonly keysOfTransaction: Map<string, number>;
  /** Where the row stands in the binlog, for the versions of rules that go by it. */
  place?: BinlogOrder;
}

/** A query of a rule, for who runs it. Times are in ms. */
export interface Lookup {
  /** The rule's place in the configuration. */
  readonly rule: string;
  /** With `?` for each parameter. */
  readonly sql: string;
  /** The columns of the result that the keys need. */
  readonly columns: readonly string[];
  readonly maxKeys: number;
  readonly timeout: number;
  readonly cache: number;
  /** Appends the commands of a result, whose rows hold the values of `columns` in that order. */
  readonly commandsOf: (rows: readonly RowImage[], out: CacheCommand[]) => void;
  /** What is done instead where there is no result, or too large a one. */
  readonly fallback: readonly CacheCommand[];
}

/** All rules, compiled. Pure: no I/O, no state but what was compiled. */
export interface MappingPlan {
  /** SHA-256 in hex of what the rules do; the same rules have the same hash in any order. */
  readonly hash: string;
  readonly interests: TableInterests;
  readonly rules: readonly Rule[];
  /** By the numbers of `LookupRequest.lookup`. */
  readonly lookups: readonly Lookup[];
  /**
   * Appends what one changed row asks for: the keys of both images for an update. An image that lacks a
   * key column gives the rule's scope instead of a key, because absent is not NULL.
   * `change.table` must be the table object of one of `interests`.
   * @throws UnstaleError when the table is not one of `interests`.
   */
  map(change: RowChange, out: MappingOutput): void;
  /** What stands for all keys that rows of these tables can produce, each once. */
  scopes(reaches: readonly TableReach[], reason: ScopeReason): CacheCommand[];
  /** What metrics call a table: its name, or the first pattern that selects it, because those can be very many. */
  labelOf(table: TableRef): string;
}

/** A rule for one table. */
export type MapRow = (change: RowChange, out: MappingOutput) => void;

interface Selected {
  readonly rule: Rule;
  /** Among all rules. */
  readonly place: number;
  readonly matcher: TableMatcher;
}

/** Tables of patterns that are remembered by name. */
const MAX_PATTERN_TABLES = 4096;

/** Compiles validated rules into a plan. */
export function compilePlan(rules: readonly Rule[]): MappingPlan {
  const selected = rules.map((rule, place) => ({
    rule,
    place,
    matcher: compileSelector(selectorOf(rule)),
  }));
  const candidates = indexByTable(selected);
  const lookups: Lookup[] = [];
  const lookupNumbers = new Map<Rule, number>();
  // Changes of a table that is remembered no longer may still be under way; they carry what they need.
  const owner = {};
  const byName = new Map<string, TableInterest>();
  const ofPatterns = new Map<string, TableInterest>();
  const scopes = (reaches: readonly TableReach[], reason: ScopeReason): CacheCommand[] =>
    scopesOf(selected, reaches, reason);

  const compile = (table: TableRef): TableInterest | undefined => {
    const concerned = candidates(table)
      .filter(({ matcher }) => matcher.matches(table.schema, table.table))
      .map(({ rule }) => rule);
    const [first, ...others] = concerned;
    if (first === undefined) return undefined;
    const columns = [...new Set(concerned.flatMap(ruleColumns))];
    const before = new Set(concerned.flatMap(ruleColumnsBefore).map((name) => name.toLowerCase()));
    const onlyAfter = columns.filter((name) => !before.has(name.toLowerCase()));
    const planned = { owner, table, label: formatSelector(selectorOf(first)) };
    const plain = others.length === 0 ? plainKeyRule(first, { table, columns }) : undefined;
    if (plain !== undefined) return { table: new PlainKeyTable(planned, plain), columns };
    const maps = concerned.map((rule) =>
      rule.kind === 'outbox'
        ? compileOutboxRule(rule, columns, () => scopes([{}], 'unreadable'))
        : compileTableRule(rule, { table, columns, lookup: lookupNumbers.get(rule) }),
    );
    return {
      table: new MappedTable(planned, inTurn(maps)),
      columns,
      ...(onlyAfter.length === 0 ? {} : { onlyAfter }),
    };
  };

  const find = (schema: string, table: string): TableInterest | undefined => {
    const name = nameOf({ schema, table });
    const known = byName.get(name) ?? ofPatterns.get(name);
    if (known !== undefined) return known;
    const compiled = compile({ schema, table });
    if (compiled === undefined) return undefined;
    if (ofPatterns.size >= MAX_PATTERN_TABLES) ofPatterns.clear();
    ofPatterns.set(name, compiled);
    return compiled;
  };

  for (const rule of rules) {
    const lookup = rule.kind === 'table' ? lookupOf(rule) : undefined;
    if (lookup === undefined) continue;
    lookupNumbers.set(rule, lookups.length);
    lookups.push(lookup);
  }
  for (const rule of rules) {
    const selector = selectorOf(rule);
    if (selector.kind !== 'exact' || byName.has(nameOf(selector.table))) continue;
    const compiled = compile(selector.table);
    if (compiled !== undefined) byName.set(nameOf(selector.table), compiled);
  }

  return {
    hash: hashOf(rules),
    interests: {
      named: [...byName.values()],
      of: find,
      mayReach: (reach) => selected.some(({ matcher }) => matcher.mayReach(reach)),
      hasPatterns: rules.some((rule) => selectorOf(rule).kind === 'pattern'),
    },
    rules,
    lookups,
    map(change, out) {
      const table = PlannedTable.from(change.table, owner);
      if (table === undefined) {
        throw new UnstaleError(
          'UNSTALE_INTERNAL',
          `a change of ${formatTable(change.table)} that no rule asked for`,
        );
      }
      table.map(change, out);
    },
    scopes,
    labelOf: (table) => PlannedTable.from(table, owner)?.label() ?? formatTable(table),
  };
}

function inTurn(maps: readonly MapRow[]): MapRow {
  const [only, ...others] = maps;
  if (only !== undefined && others.length === 0) return only;
  return (change, out) => {
    for (const map of maps) map(change, out);
  };
}

/** Rules that may be on a table, in their order: those that name it, and all with patterns. */
function indexByTable(selected: readonly Selected[]): (table: TableRef) => readonly Selected[] {
  const patterns: Selected[] = [];
  const named = new Map<string, Selected[]>();
  for (const each of selected) {
    const selector = selectorOf(each.rule);
    if (selector.kind === 'pattern') {
      patterns.push(each);
      continue;
    }
    const name = nameOf(selector.table);
    const others = named.get(name);
    if (others === undefined) named.set(name, [each]);
    else others.push(each);
  }
  return (table) =>
    [...(named.get(nameOf(table)) ?? []), ...patterns].toSorted((one, other) => one.place - other.place);
}

function scopesOf(
  selected: readonly Selected[],
  reaches: readonly TableReach[],
  reason: ScopeReason,
): CacheCommand[] {
  const commands = new Map<string, CacheCommand>();
  for (const { rule, matcher } of selected) {
    for (const reach of reaches) {
      if (!matcher.mayReach(reach)) continue;
      for (const command of ruleScopes(rule, reach, reason)) commands.set(commandIdentity(command), command);
    }
  }
  return [...commands.values()];
}

function hashOf(rules: readonly Rule[]): string {
  const canonical = rules.map(canonicalRule).toSorted();
  return createHash('sha256')
    .update(JSON.stringify(['rules', 2, canonical]))
    .digest('hex');
}

// Unambiguous: MySQL names cannot hold NUL.
function nameOf(table: TableRef): string {
  return `${table.schema}\0${table.table}`;
}
