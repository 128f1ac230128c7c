import type { ConfigDocument } from './document.ts';
import { FILE_LAYER } from './node.ts';
import type { ConfigNode } from './node.ts';
import type { Path } from './path.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface InterpolationProblem {
  readonly offset: number;
  readonly message: string;
  readonly remedy: string;
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` (the default also for an empty variable) in one text; `$${` is
 * a literal `${`. What a variable holds is not looked at again, so it may hold anything.
 */
export function interpolate(
  text: string,
  env: Environment,
): { readonly text: string; readonly problems: readonly InterpolationProblem[] } {
  const problems: InterpolationProblem[] = [];
  const result = text.replace(
    /\$\$\{|\$\{([^}]*)(\}?)/g,
    (whole, body: string | undefined, end, offset: number) => {
      if (body === undefined) return '${';
      const refuse = (message: string, remedy: string): string => {
        problems.push({ offset, message, remedy });
        return whole;
      };
      const [, name, fallback] = /^([A-Za-z_]\w*)(?::-([^]*))?$/.exec(body) ?? [];
      if (name === undefined || end === '') {
        return refuse(
          'a variable reference that is not ${NAME} or ${NAME:-default}',
          'write $${ for a literal ${',
        );
      }
      const value = env[name];
      if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
      return (
        value ??
        refuse(`the environment variable ${name} is not set`, `set it, or write \${${name}:-default}`)
      );
    },
  );
  return { text: result, problems };
}

/**
 * Interpolates every scalar that stands in the file, and reports what cannot be. It runs on parsed YAML, so a
 * secret may hold any character.
 */
export function interpolateDocument(document: ConfigDocument, env: Environment): void {
  const walk = (node: ConfigNode, path: Path): ConfigNode => {
    switch (node.kind) {
      case 'map':
        for (const [key, { keyPlace, value }] of node.entries) {
          node.entries.set(key, { keyPlace, value: walk(value, [...path, key]) });
        }
        return node;
      case 'list':
        return { ...node, items: node.items.map((item, index) => walk(item, [...path, index])) };
      case 'scalar': {
        if (node.layer !== FILE_LAYER || !node.text.includes('${')) return node;
        const { text, problems } = interpolate(node.text, env);
        for (const { offset, message, remedy } of problems)
          document.report(path, message, remedy, { offset });
        return problems.length > 0
          ? { kind: 'invalid', place: node.place }
          : { kind: 'scalar', place: node.place, layer: node.layer, text };
      }
      case 'empty':
      case 'invalid':
        return node;
    }
  };
  document.root = walk(document.root, []);
}
