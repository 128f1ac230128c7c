import { describe, expect, it } from 'vitest';
import { cascadesAddedBy, cascadesOf, concernsForeignKeys } from './foreign-key.ts';

const child = { schema: 'shop', table: 'items' };

describe('the cascades of SHOW CREATE TABLE', () => {
  it('are the foreign keys whose actions change the child', () => {
    const ddl = [
      'CREATE TABLE `items` (',
      "  `id` int NOT NULL COMMENT 'CONSTRAINT `no` FOREIGN KEY (`id`) REFERENCES `x` (`id`) ON DELETE CASCADE',",
      '  `order_id` int(10) unsigned DEFAULT NULL,',
      '  `x` varchar(20) NOT NULL,',
      '  `y` decimal(10,2) DEFAULT 0.00,',
      '  `token` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,',
      '  PRIMARY KEY (`id`),',
      '  KEY `foreign` (`order_id`),',
      '  CONSTRAINT `a` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE CASCADE ON UPDATE SET NULL,',
      '  CONSTRAINT `b``c` FOREIGN KEY (`x`, `y`) REFERENCES `other``db`.`t` (`p`, `q`) ON UPDATE CASCADE,',
      '  CONSTRAINT `d` FOREIGN KEY (`z`) REFERENCES `quiet` (`z`) ON DELETE RESTRICT ON UPDATE NO ACTION,',
      '  CONSTRAINT `e` FOREIGN KEY (`z`) REFERENCES `quiet` (`z`),',
      "  CONSTRAINT `f` CHECK (`z` <> 'ON DELETE CASCADE'),",
      '  CONSTRAINT `g` FOREIGN KEY (`token`) REFERENCES `tokens` (`id`) ON DELETE SET DEFAULT ON UPDATE NO ACTION',
      ") ENGINE=InnoDB COMMENT='ON DELETE CASCADE'",
    ].join('\n');
    expect(cascadesOf(ddl, child)).toEqual([
      {
        constraint: 'a',
        child,
        parent: { schema: 'shop', table: 'orders' },
        columns: [{ parent: 'id', child: 'order_id', exact: true }],
        onDelete: 'cascade',
        onUpdate: 'set-null',
      },
      {
        constraint: 'b`c',
        child,
        parent: { schema: 'other`db', table: 't' },
        columns: [
          { parent: 'p', child: 'x', exact: false },
          { parent: 'q', child: 'y', exact: false },
        ],
        onDelete: 'none',
        onUpdate: 'cascade',
      },
      {
        constraint: 'g',
        child,
        parent: { schema: 'shop', table: 'tokens' },
        columns: [{ parent: 'id', child: 'token', exact: true }],
        onDelete: 'set-default',
        onUpdate: 'none',
      },
    ]);
  });

  it.each(['', 'CREATE VIEW v AS SELECT 1', 'CREATE TABLE `t` (', 'CREATE TABLE t (CONSTRAINT FOREIGN KEY'])(
    'are none in %j',
    (text) => {
      expect(cascadesOf(text, child)).toEqual([]);
    },
  );
});

describe('a statement', () => {
  it('tells which foreign keys it adds', () => {
    const added = (text: string): string[] =>
      cascadesAddedBy(text, 'shop').map(
        ({ child, parent, columns, onDelete, onUpdate }) =>
          `${child.schema}.${child.table}(${columns.map((pair) => pair.child).join()}) ${parent.schema}.${parent.table} ${onDelete} ${onUpdate}`,
      );
    expect(
      added('ALTER TABLE a DROP FOREIGN KEY f, ADD FOREIGN KEY (x) REFERENCES b (y) ON DELETE CASCADE'),
    ).toEqual(['shop.a(x) shop.b cascade none']);
    expect(
      added(
        'create table if not exists o.a (x int, constraint c foreign key i (x, z) references b (p, q) on update set null)',
      ),
    ).toEqual(['o.a(x,z) o.b none set-null']);
    expect(added('CREATE TABLE a (FOREIGN KEY (x) REFERENCES b (y))')).toEqual([]);
    expect(added('DROP TABLE a')).toEqual([]);
  });

  it.each([
    'ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES b (y)',
    'CREATE TABLE a (b INT REFERENCES c (d))',
    'RENAME TABLE a TO b',
    'ALTER TABLE a RENAME TO b',
    'ALTER TABLE a CHANGE b c INT',
  ])('may give tables other foreign keys: %j', (text) => {
    expect(concernsForeignKeys(text)).toBe(true);
  });

  it.each([
    'BEGIN',
    'CREATE TABLE a (b INT)',
    'ALTER TABLE a ADD c INT',
    'DROP TABLE a',
    "ALTER TABLE a COMMENT 'FOREIGN'",
  ])('cannot: %j', (text) => {
    expect(concernsForeignKeys(text)).toBe(false);
  });
});
