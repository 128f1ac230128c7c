import type { CacheCommand, CacheValue } from '../change/command.ts';
import type { RowChange, RowImage } from '../change/row-change.ts';
import type { TableInterest } from '../change/table.ts';
import { rowVersion } from '../change/version.ts';
import type { BinlogOrder } from '../change/version.ts';
import { compileValue } from './compile-value.ts';
import { mapVersioned } from './compile-versioned-rule.ts';
import { columnIndex, compileCertainty } from './condition.ts';
import { describeCondition } from './condition-description.ts';
import { compileKey } from './key.ts';
import type { MappingOutput } from './plan.ts';
import type { RuleAction, TableRule } from './rule.ts';
import type { KeyTemplate } from './template.ts';
import { valueFields } from './value-template.ts';
import type { ValueTemplate } from './value-template.ts';

export type UpdateAction = Extract<RuleAction, { kind: 'update' }>;

/** A key that gets a value. */
export interface StoredKey {
  readonly key: string;
  readonly form: ValueTemplate['form'];
  /** The text that it gets, or the fields of the hash. */
  readonly value: string | Readonly<Record<string, string>>;
  /** What the version's column holds, or `binlog`. */
  readonly version: string;
  readonly ttlMs: number;
  /** Up to which part of the TTL it ends earlier, 0 to 1. */
  readonly ttlJitter: number;
  /** Whether it is stored where it is not cached. */
  readonly create: boolean;
}

/** A key that is removed by a rule that stores values; `because` is a sentence without its full stop. */
export interface RemovedKey {
  readonly key: string;
  readonly because: string;
}

/** The version of a row by its place is not known before it has one; any does. */
const SOME_PLACE: BinlogOrder = { epoch: 0, file: 'binlog.000001', offset: 0, ordinal: 0 };

/** Which keys of one template get the values of a changed row, and which go. */
export function explainStored(
  rule: TableRule,
  action: UpdateAction,
  template: KeyTemplate,
  { table, columns }: TableInterest,
  change: RowChange,
): { readonly stored: readonly StoredKey[]; readonly removals: readonly RemovedKey[] } {
  const out: MappingOutput = {
    commands: [],
    lookups: [],
    nullKeys: 0,
    keysOfTransaction: new Map(),
    place: SOME_PLACE,
  };
  const alone = { ...rule, keys: [template], keysFromSet: [] };
  mapVersioned(alone, action.version, { table, columns, lookup: undefined })(change, out);

  const stored: StoredKey[] = [];
  const removals: RemovedKey[] = [];
  const keyOf = compileKey(template, { table, columns });
  for (const command of out.commands) {
    if (command.kind === 'update' && change.op !== 'delete')
      stored.push(storedKey(command, action, columns, change.after));
    else if (command.kind === 'delete') removals.push({ key: command.key, because: whyRemoved(command.key) });
  }
  return { stored, removals };

  function whyRemoved(key: string): string {
    if (change.op === 'delete') return 'the row is gone';
    if (keyOf(change.after) !== key) return 'the row has another key now, or none';
    return whyNotStored(rule, action, { table, columns }, change.after);
  }
}

function storedKey(
  { key, value, policy }: Extract<CacheCommand, { kind: 'update' }>,
  { value: { form }, version }: UpdateAction,
  columns: readonly string[],
  image: RowImage,
): StoredKey {
  const known = version.kind === 'binlog' ? 'binlog' : String(image[columnIndex(columns, version.column)]);
  return { key, ...policy, form, value: plainValue(value), version: known };
}

function plainValue(value: CacheValue): StoredKey['value'] {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value.toString();
  return Object.fromEntries(
    value.flatMap((name, at) => (at % 2 === 0 ? [[name.toString(), String(value[at + 1])]] : [])),
  );
}

/** Why the values of a row that is there are not stored. */
function whyNotStored(
  { condition }: TableRule,
  { version, value }: UpdateAction,
  { table, columns }: TableInterest,
  image: RowImage,
): string {
  if (version.kind === 'column') {
    const found = image[columnIndex(columns, version.column)];
    if (rowVersion(found) === undefined) return `${version.column} ${whatIs(found, 'is no version')}`;
  }
  const { image: where = [] } = condition ?? {};
  if (!compileCertainty(where, columns)(image)) {
    const asInsert: RowChange = { op: 'insert', table, after: image };
    return (
      describeCondition({ image: where }, asInsert, columns) ??
      'it is not certain that the new row satisfies where'
    );
  }
  for (const field of valueFields(value)) {
    const alone = compileValue({ form: 'json', fields: [field] }, columns)(image);
    if (alone !== undefined) continue;
    return `${field.column} ${whatIs(image[columnIndex(columns, field.column)], `has no form as ${field.format}`)}`;
  }
  return 'all that it would hold is NULL';
}

function whatIs(found: RowImage[number], otherwise: string): string {
  if (found === undefined) return 'is absent from the new image';
  return found === null ? 'is NULL' : otherwise;
}
