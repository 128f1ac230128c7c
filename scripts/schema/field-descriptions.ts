/**
 * One sentence for each field, by its path (`rules[].key`), from the tables of docs/configuration.md, so that there is
 * one text to keep. What a table says of several fields at once is taken from the section it refers to.
 */
export function fieldDescriptions(markdown: string): ReadonlyMap<string, string> {
  const descriptions = new Map<string, string>();
  const shared: [path: string, value: string][] = [];
  for (const [, names = '', value = '', text = ''] of markdown.matchAll(
    /^\| (`[a-z_]+[^|]*?`) \| ((?:[^|\\]|\\.)*?) ?\| ((?:[^\\|]|\\.)*?) ?\|$/gm,
  )) {
    const paths = [...names.matchAll(/`([^`]+)`/g)].flatMap(([, path]) => (path === undefined ? [] : [path]));
    const [path = ''] = paths;
    if (paths.length === 1 && text !== 'As in `source`.')
      descriptions.set(path, withDefault(firstSentence(plain(text)), plain(value)));
    else for (const one of paths) shared.push([one, plain(value)]);
  }
  for (const [, section = '', text = ''] of markdown.matchAll(/^## `([a-z_]+)`\n\n([^`|#].*)$/gm)) {
    descriptions.set(section, firstSentence(plain(text)));
  }
  for (const [path, value] of shared) {
    const like = descriptions.get(path.replace(/^\w+/, 'source'));
    if (like !== undefined) descriptions.set(path, withDefault(like.replace(/ ?Default: .*$/, ''), value));
  }
  return descriptions;
}

function plain(markdown: string): string {
  return markdown
    .replace(/ ?\(\[[^\]]*\]\([^)]*\)\)/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\*\*|`/g, '')
    .trim();
}

function firstSentence(text: string): string {
  const [sentence = ''] = /^.*?[.](?= [A-Z]|$)/.exec(text) ?? [text];
  return sentence.replace(/[;:,]$/, '');
}

function withDefault(text: string, value: string): string {
  if (value === '' || value === 'none') return text;
  if (value === 'required') return `${text} Required.`.trim();
  return `${text} Default: ${value}.`.trim();
}
