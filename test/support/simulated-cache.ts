import type { CacheCommand } from '../../src/change/command.ts';
import type { ColumnValue } from '../../src/change/row-change.ts';
import type { MappingOutput, MappingPlan } from '../../src/mapping/plan.ts';
import { isOn, mayHold, referenceKey, spell } from './reference-mapping.ts';
import type { ReferenceChange, ReferenceRule, Row } from './reference-mapping.ts';

/** A row of a table, and what the binlog shows of it. */
export interface SeenRow {
  readonly row: Row;
  readonly image: Row;
}

/** A change as it is, and as the binlog shows it. */
export interface SeenChange {
  readonly schema: string;
  readonly table: string;
  readonly before?: SeenRow;
  readonly after?: SeenRow;
}

/** What an application cached for one row because of one rule, and by which of its names it can go. */
interface Entry {
  readonly key: string;
  readonly set?: string;
  readonly counter?: string;
}

/** What a lookup finds, by its parameters; results have one column. Some are too large. */
export function childrenOf(parameters: readonly ColumnValue[]): readonly string[] {
  const text = parameters.map(spell).join();
  const sum = Buffer.from(text).reduce((total, byte) => total + byte, 0);
  return Array.from({ length: sum % 4 }, (_, index) => `${text}#${index}`);
}

/** The change as the mapping gets it. */
export function seen({ schema, table, before, after }: SeenChange): ReferenceChange {
  return {
    schema,
    table,
    ...(before === undefined ? {} : { before: before.image }),
    ...(after === undefined ? {} : { after: after.image }),
  };
}

/**
 * Caches all that the rules name for the rows that the changes found and left, does what was mapped, and gives the
 * entries that are left: each was made of a state that is no more, or may have been made before the change.
 */
export function leftInCache(
  rules: readonly ReferenceRule[],
  changes: readonly SeenChange[],
  commands: readonly CacheCommand[],
): string[] {
  const removed = new Set(commands.flatMap((command) => (command.kind === 'scope' ? [] : [lineOf(command)])));
  const scopes = commands.filter((command) => command.kind === 'scope');
  const globs = (members: boolean): RegExp[] =>
    scopes.filter((scope) => scope.members === members).map(({ pattern }) => globRegExp(pattern));
  const [keys, sets] = [globs(false), globs(true)];
  const isGone = ({ key, set, counter }: Entry): boolean =>
    removed.has(`delete ${key}`) ||
    keys.some((glob) => glob.test(key)) ||
    (set !== undefined && (removed.has(`set-keys ${set}`) || sets.some((glob) => glob.test(set)))) ||
    (counter !== undefined &&
      (removed.has(`generation ${counter}`) || keys.some((glob) => glob.test(counter))));
  return rules.flatMap((rule) =>
    changes.flatMap((change) =>
      [change.before, change.after]
        .filter((rows) => rows !== undefined)
        .flatMap(({ row }) => entriesOf(rule, change, row))
        .filter((entry) => !isGone(entry))
        .map(({ key }) => `${rule.id}: ${key}`),
    ),
  );
}

/** The commands of what was mapped, once its lookups have their answers. */
export function answered(plan: MappingPlan, { commands, lookups }: MappingOutput): CacheCommand[] {
  const all = [...commands];
  for (const { lookup: number, parameters } of lookups) {
    const lookup = plan.lookups[number];
    if (lookup === undefined) throw new Error(`no lookup ${number}`);
    const children = childrenOf(parameters);
    if (children.length > lookup.maxKeys) all.push(...lookup.fallback);
    else
      lookup.commandsOf(
        children.map((child) => [child]),
        all,
      );
  }
  return all;
}

function entriesOf(rule: ReferenceRule, change: SeenChange, row: Row): Entry[] {
  if (!isOn(rule, change)) return [];
  if (rule.where?.image !== undefined && !mayHold(rule.where.image, row)) return [];
  const { keys = [], sets = [], generation } = rule;
  const counter = generation === undefined ? undefined : (referenceKey(generation, row, change) ?? undefined);
  const counted = counter === undefined ? {} : { counter };
  // Of types that `check` refuses: nobody could write its name.
  if (generation !== undefined && counter === undefined) return [];
  const cached = keys.flatMap((template): Entry[] => {
    if (rule.lookup !== undefined) {
      const children = childrenOf(rule.lookup.map((column) => row[column]));
      return children.flatMap((child): Entry[] => {
        const key = referenceKey(template, { 'lookup.child': child }, change);
        return typeof key === 'string' ? [{ key, ...counted }] : [];
      });
    }
    const key = referenceKey(template, row, change);
    return typeof key === 'string' ? [{ key, ...counted }] : [];
  });
  const dependent = sets.flatMap((template): Entry[] => {
    const set = referenceKey(template, row, change);
    return typeof set === 'string' ? [{ key: `of the set ${set}`, set, ...counted }] : [];
  });
  const page =
    keys.length + sets.length === 0 && counter !== undefined ? [{ key: `page/${counter}`, counter }] : [];
  return [...cached, ...dependent, ...page];
}

function lineOf(command: Exclude<CacheCommand, { kind: 'scope' }>): string {
  return `${command.kind} ${command.key}`;
}

/** Redis' MATCH for patterns without character classes, which templates never produce. */
function globRegExp(pattern: string): RegExp {
  const source = pattern.replaceAll(/\\[^]|[^]/g, (part) => {
    if (part === '*') return '[^]*';
    return part.slice(-1).replace(/[/\-\\^$*+?.()|[\]{}]/, '\\$&');
  });
  return new RegExp(`^${source}$`);
}
