import { createBypass } from './bypass.ts';
import type { Bypass } from './bypass.ts';
import type { ReaderObserver } from './observer.ts';

/** Which keys Redis is asked for. */
export interface Gate {
  readonly bypass: Bypass;
  /** Whether there is no row for certain, so that nobody is asked. */
  isFiltered(key: string): boolean;
  /** Whether only the database is asked for now. */
  isBypassed(key: string): boolean;
}

export function createGate(
  mayExist: ((key: string) => boolean) | undefined,
  observer: Required<ReaderObserver>,
): Gate {
  const bypass = createBypass();
  return {
    bypass,
    isFiltered(key) {
      if (mayExist === undefined || isPossible(mayExist, key)) return false;
      observer.filtered(key);
      return true;
    },
    isBypassed(key) {
      if (!bypass.has(key)) return false;
      observer.bypass(key);
      return true;
    },
  };
}

/** A filter that fails excludes nothing. */
function isPossible(mayExist: (key: string) => boolean, key: string): boolean {
  try {
    return mayExist(key);
  } catch {
    return true;
  }
}
