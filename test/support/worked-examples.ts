import { parse } from 'yaml';

/** What a step of an example does to the keys. */
interface Outcome {
  readonly deleted: readonly string[];
  readonly kept: readonly string[];
  readonly incremented: readonly string[];
}

interface Step extends Outcome {
  readonly statements: readonly string[];
}

/** One worked example of docs/mapping.md. */
export interface WorkedExample {
  readonly name: string;
  /** Tables and first rows. */
  readonly setup: readonly string[];
  readonly rules: readonly Readonly<Record<string, unknown>>[];
  /** What the application wrote to Redis, besides plain keys. */
  readonly redis: readonly (readonly string[])[];
  readonly steps: readonly Step[];
}

const BLOCK = /^```(\w+) example=([\w-]+)\n([^]*?)^```$/gm;
const OUTCOMES = ['deleted', 'kept', 'incremented'] as const;

/**
 * Reads the examples out of fenced blocks such as ```` ```sql example=by-id ````, in the order of the text. The first
 * `sql` block makes the tables, each other one is a step and has a `text` block with its outcome behind it.
 * @throws Error for a block that has no place in its example
 */
export function workedExamples(markdown: string): readonly WorkedExample[] {
  const blocks = [...markdown.matchAll(BLOCK)].map(([, kind = '', name = '', body = '']) => {
    return { kind, name, body };
  });
  const names = [...new Set(blocks.map(({ name }) => name))];
  return names.map((name) => {
    const own = blocks.filter((block) => block.name === name);
    const bodiesOf = (kind: string): string[] => own.filter((b) => b.kind === kind).map(({ body }) => body);
    const [setup, ...changes] = bodiesOf('sql');
    const outcomes = bodiesOf('text');
    const [rules] = bodiesOf('yaml');
    if (setup === undefined || rules === undefined || changes.length !== outcomes.length) {
      throw new Error(`the example ${name} lacks a table, a rule or what becomes of a statement`);
    }
    return {
      name,
      setup: statementsOf(setup),
      rules: rulesOf(rules),
      redis: bodiesOf('redis').flatMap((body) => linesOf(body).map((line) => line.split(' '))),
      steps: changes.map((change, index) => ({
        statements: statementsOf(change),
        ...outcomeOf(outcomes[index] ?? ''),
      })),
    };
  });
}

function statementsOf(sql: string): string[] {
  return sql
    .split(/;$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

function rulesOf(yaml: string): WorkedExample['rules'] {
  const parsed: unknown = parse(yaml);
  if (!isRecord(parsed) || !Array.isArray(parsed['rules'])) throw new Error(`no rules in:\n${yaml}`);
  return parsed['rules'].filter(isRecord);
}

function outcomeOf(text: string): Outcome {
  const keys: Record<(typeof OUTCOMES)[number], string[]> = { deleted: [], kept: [], incremented: [] };
  for (const line of linesOf(text)) {
    const [what, ...names] = line.split(/\s+/);
    const outcome = OUTCOMES.find((known) => known === what);
    if (outcome === undefined || names.length === 0) throw new Error(`not an outcome: ${line}`);
    keys[outcome].push(...names);
  }
  return keys;
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
