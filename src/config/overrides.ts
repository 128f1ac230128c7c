import type { ConfigDocument } from './document.ts';
import type { Place } from './errors.ts';
import type { Environment } from './interpolate.ts';
import { nearestName } from '../errors/nearest-name.ts';
import { COMMAND_LINE_LAYER, ENVIRONMENT_LAYER } from './node.ts';
import type { MapNode, ScalarNode } from './node.ts';
import { VALUE_PATHS, variableOf } from './schema-paths.ts';

const COMMAND_LINE: Place = { file: 'command line' };

/**
 * Puts values of `UNSTALE_...` variables (an empty one counts as not set) and, above them, of the command line
 * (dotted path to value) over those of the file. They are taken as they are: `${NAME}` means nothing in them.
 * Variables that name no field are none of our business; a field of the command line that does not exist is
 * reported.
 */
export function applyOverrides(
  document: ConfigDocument,
  overrides: Readonly<Record<string, string>>,
  env: Environment,
): void {
  for (const path of VALUE_PATHS) {
    const name = variableOf(path);
    const text = env[name];
    if (text !== undefined && text !== '') {
      put(document, path, { kind: 'scalar', place: { file: name }, layer: ENVIRONMENT_LAYER, text });
    }
  }
  for (const [path, text] of Object.entries(overrides)) {
    if (VALUE_PATHS.includes(path)) {
      put(document, path, { kind: 'scalar', place: COMMAND_LINE, layer: COMMAND_LINE_LAYER, text });
    } else {
      const near = nearestName(path, VALUE_PATHS);
      const remedy =
        near === undefined ? 'use the path of a field with a single value' : `did you mean ${near}?`;
      document.reportAt(COMMAND_LINE, path, 'cannot be set here', remedy);
    }
  }
}

function put(document: ConfigDocument, path: string, node: ScalarNode): void {
  if (document.root.kind === 'empty')
    document.root = { kind: 'map', place: document.root.place, entries: new Map() };
  const names = path.split('.');
  const last = names.pop() ?? '';
  let parent = document.root;
  for (const name of names) {
    if (parent.kind !== 'map') return;
    const entry = parent.entries.get(name);
    if (entry === undefined || entry.value.kind === 'empty') {
      const created: MapNode = { kind: 'map', place: entry?.keyPlace ?? node.place, entries: new Map() };
      parent.entries.set(name, { keyPlace: created.place, value: created });
      parent = created;
    } else {
      parent = entry.value;
    }
  }
  // A parent of another kind is reported by the schema; there is nowhere to put the value.
  if (parent.kind === 'map') parent.entries.set(last, { keyPlace: node.place, value: node });
}
