import { expect, it } from 'vitest';

import type { ForeignKeyCascade } from '../cascades/foreign-key.ts';
import { findWideCascades } from './cascades.ts';

const ref = (table: string): { readonly schema: string; readonly table: string } => ({
  schema: 'shop',
  table,
});
const foreignKey = (child: string, parent: string): ForeignKeyCascade => ({
  constraint: 'f',
  child: ref(child),
  parent: ref(parent),
  columns: [{ parent: 'id', child: 'parent_id', exact: true }],
  onDelete: 'cascade',
  onUpdate: 'none',
});

it('finds the columns of keys that do not follow from the row of a parent, however far above', () => {
  const exact = { table: ref('exact'), columns: ['parent_id'] };
  const wide = { table: ref('wide'), columns: ['id', 'parent_id'] };
  const cascades = [foreignKey('exact', 'middle'), foreignKey('wide', 'middle'), foreignKey('middle', 'top')];
  expect(findWideCascades(cascades, [exact, wide])).toEqual([
    { child: wide.table, parents: [ref('middle'), ref('top')], open: ['id', 'parent_id'] },
    { child: exact.table, parents: [ref('top')], open: ['parent_id'] },
  ]);
  expect(findWideCascades([foreignKey('exact', 'middle')], [exact])).toEqual([]);
});
