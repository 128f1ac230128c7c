/** A place in the configuration: map keys and list indexes from the root. */
export type Path = readonly (string | number)[];

/** `rules[0].key`, for people. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === 'number') return `${text}[${segment}]`;
    const name = /^[\w-]+$/.test(segment) ? segment : JSON.stringify(segment);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}
