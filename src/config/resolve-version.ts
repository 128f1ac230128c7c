import type { VersionSource } from '../mapping/rule.ts';
import { parseColumnName } from './column-name.ts';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';

const REMEDY = 'write version: {column: row_version}, or version: binlog';

/** What orders the values of the rule at `path`; undefined if it does not say, or after a problem, which is reported. */
export function resolveVersion(document: ConfigDocument, path: Path): VersionSource | undefined {
  const versionPath = [...path, 'version'];
  const node = document.at(versionPath);
  if (node === undefined || node.kind === 'invalid') return undefined;
  if (node.kind === 'scalar' && node.text === 'binlog') return { kind: 'binlog' };
  if (node.kind !== 'map') {
    document.report(versionPath, 'names no version', REMEDY);
    return undefined;
  }
  for (const name of node.entries.keys()) {
    if (name !== 'column')
      document.report([...versionPath, name], 'is no field of a version', REMEDY, { key: true });
  }
  const column = node.entries.get('column')?.value;
  if (column?.kind !== 'scalar') {
    document.report(versionPath, 'names no column', REMEDY);
    return undefined;
  }
  const parsed = parseColumnName(column.text);
  if (parsed.ok) return { kind: 'column', column: parsed.value };
  document.report([...versionPath, 'column'], parsed.message, parsed.remedy);
  return undefined;
}
