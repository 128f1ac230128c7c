import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';
import type { RawRule } from './schema.ts';

/** The position waits for the last repetition, and with it everything behind it. */
const LONGEST = 60_000;
const MOST = 8;

/** The delays in ms after which the rule at `path` repeats its deletes, rising; undefined for none. */
export function resolveRedelete(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
): readonly number[] | undefined {
  if (raw.redelete === undefined) return undefined;
  const listPath = [...path, 'redelete'];
  if (raw.redelete.length === 0) {
    document.report(listPath, 'the list is empty', 'write for example [500ms, 5s], or remove the field');
  }
  if (raw.redelete.length > MOST) {
    document.report(listPath, 'has too many delays', `write at most ${MOST}`);
  }
  if (!document.has([...path, 'key']) && !document.has([...path, 'keys'])) {
    const remedy = 'remove it: only deletes of keys are repeated';
    document.report(listPath, 'has no effect without a key', remedy, { key: true });
  }
  for (const [index, delay] of raw.redelete.entries()) {
    if (delay === null || delay <= LONGEST) continue;
    document.report([...listPath, index], 'is too long', `write at most ${LONGEST / 1000}s`);
  }
  const delays = raw.redelete.filter((delay) => delay !== null);
  return [...new Set(delays)].toSorted((one, other) => one - other);
}
