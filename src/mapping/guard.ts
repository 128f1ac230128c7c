import type { Guard } from '../change/command.ts';
import type { RuleGuard } from './rule.ts';

/** How deletes of a rule are guarded whose change has no version; undefined for not at all. */
export function guardWithoutVersion(guard: RuleGuard): Guard | undefined {
  switch (guard.kind) {
    case 'none':
      return undefined;
    case 'lease':
      return guard.replicaHold === 0 ? { kind: 'lease' } : { kind: 'marker', holdMs: guard.replicaHold };
    case 'version':
      // Versions that are known have to stay.
      return { kind: 'marker', holdMs: guard.replicaHold };
  }
}
