import { nearestName } from '../errors/nearest-name.ts';
import { VALUE_FORMATS } from '../mapping/value-template.ts';
import type { ValueField, ValueFormat, ValueTemplate } from '../mapping/value-template.ts';
import { parseColumnName } from './column-name.ts';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';

const FORMS = ['json', 'string', 'hash'] as const;
const EXAMPLE = 'write for example value: {format: json, columns: [id, name]}';
const FIELDS = ['column', 'as', 'format'];

/** What the rule at `path` stores; undefined after a problem, which is reported. */
export function resolveValue(document: ConfigDocument, path: Path): ValueTemplate | undefined {
  const valuePath = [...path, 'value'];
  const node = document.at(valuePath);
  if (node?.kind === 'invalid') return undefined;
  if (node?.kind !== 'map') {
    document.report(valuePath, 'an update needs a value', EXAMPLE);
    return undefined;
  }
  for (const name of node.entries.keys()) {
    if (name !== 'format' && name !== 'columns')
      document.report([...valuePath, name], 'is no field of a value', EXAMPLE, { key: true });
  }
  const form = resolveForm(document, valuePath);
  const fields = resolveFields(document, [...valuePath, 'columns']);
  if (form === undefined || fields === undefined) return undefined;
  if (form !== 'string') return { form, fields };
  const [field, ...others] = fields;
  if (field !== undefined && others.length === 0) return { form, field };
  document.report([...valuePath, 'columns'], 'a string is one column', 'write one column, or format: json');
  return undefined;
}

function resolveForm(document: ConfigDocument, valuePath: Path): (typeof FORMS)[number] | undefined {
  const formPath = [...valuePath, 'format'];
  const node = document.at(formPath);
  if (node === undefined) return 'json';
  const text = node.kind === 'scalar' ? node.text : '';
  const form = FORMS.find((name) => name === text);
  if (form === undefined) document.report(formPath, 'is no format of a value', 'write json, string or hash');
  return form;
}

function resolveFields(document: ConfigDocument, columnsPath: Path): readonly ValueField[] | undefined {
  const node = document.at(columnsPath);
  if (node?.kind !== 'list' || node.items.length === 0) {
    document.report(columnsPath, 'names no columns', 'write for example columns: [id, name]');
    return undefined;
  }
  const fields = node.items.map((_, index) => resolveField(document, [...columnsPath, index]));
  const names = new Set<string>();
  for (const [index, field] of fields.entries()) {
    if (field === undefined) continue;
    if (names.has(field.name)) {
      const remedy = 'remove one of the two, or give it another name: {column: price, as: cost}';
      document.report([...columnsPath, index], `${field.name} stands twice in the value`, remedy);
    }
    names.add(field.name);
  }
  const complete = fields.filter((field) => field !== undefined);
  return complete.length === fields.length ? complete : undefined;
}

function resolveField(document: ConfigDocument, path: Path): ValueField | undefined {
  const node = document.at(path);
  if (node?.kind === 'scalar') return withColumn(document, path, node.text, {});
  if (node?.kind !== 'map') {
    document.report(path, 'is no column', 'write id, or {column: id, as: product_id, format: text}');
    return undefined;
  }
  for (const name of node.entries.keys()) {
    if (FIELDS.includes(name)) continue;
    document.report([...path, name], 'is no field of a column', `write one of ${FIELDS.join(', ')}`, {
      key: true,
    });
  }
  const textOf = (name: string): string | undefined => {
    const value = node.entries.get(name)?.value;
    return value?.kind === 'scalar' && value.text !== '' ? value.text : undefined;
  };
  const column = textOf('column');
  if (column === undefined) {
    document.report(path, 'names no column', 'write for example {column: price, as: cost}');
    return undefined;
  }
  const name = textOf('as');
  const formatText = textOf('format');
  const format = VALUE_FORMATS.find((known) => known === formatText);
  if (formatText !== undefined && format === undefined) {
    const nearest = nearestName(formatText, VALUE_FORMATS);
    const remedy = nearest === undefined ? `write one of ${VALUE_FORMATS.join(', ')}` : `write ${nearest}`;
    document.report([...path, 'format'], 'is no format of a column', remedy);
    return undefined;
  }
  return withColumn(document, [...path, 'column'], column, {
    ...(name === undefined ? {} : { name }),
    ...(format === undefined ? {} : { format }),
  });
}

function withColumn(
  document: ConfigDocument,
  path: Path,
  text: string,
  { name, format = 'auto' }: { readonly name?: string; readonly format?: ValueFormat },
): ValueField | undefined {
  const parsed = parseColumnName(text);
  if (parsed.ok) return { column: parsed.value, name: name ?? parsed.value, format };
  document.report(path, parsed.message, parsed.remedy);
  return undefined;
}
