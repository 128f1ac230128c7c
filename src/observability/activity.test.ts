import { describe, expect, it } from 'vitest';
import { Activity } from './activity.ts';

describe('the activity of a daemon', () => {
  it('is what it has read and what Redis has acknowledged', () => {
    const activity = new Activity();
    activity.transaction();
    activity.rowsChanged(3);
    activity.applied(
      [
        { kind: 'delete', rule: 'rules[0]' },
        { kind: 'delete', rule: 'rules[0]' },
      ],
      { removed: 1 },
    );
    expect(activity.totals).toEqual({ transactions: 1, rows: 3, commands: 2 });
    expect(activity.rules.of('rules[0]')).toMatchObject({ deleted: 1, absent: 1 });
  });

  it('tells the delays of each batch once, and never one below zero', () => {
    const activity = new Activity(() => 1000);
    expect(activity.takeDelays()).toBeUndefined();
    activity.acknowledged(990);
    activity.acknowledged(970);
    activity.acknowledged(1100);
    expect(activity.takeDelays()).toEqual({ mean: 40 / 3, max: 30 });
    expect(activity.takeDelays()).toBeUndefined();
  });
});
