import type { Commit } from './configuration.ts';

/** A row that is there, and so many commits that change it. */
export function rows(commits: number): readonly Commit[] {
  return Array.from({ length: commits + 1 }, () => 'row');
}
