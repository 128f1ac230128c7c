import { describe, expect, it } from 'vitest';
import { isCombinable } from './lookup-statement.ts';

const combinable = (sql: string, columns: readonly string[] = ['id']): boolean =>
  isCombinable({ sql, columns });

describe('asking a lookup several times in one statement', () => {
  it.each([
    'SELECT id FROM products WHERE category_id = ?',
    'select p.id from products p join owners o on o.id = p.owner where (o.a = ? or o.b = ?) and p.c > 1',
    'SELECT id FROM products WHERE a IN (SELECT b FROM t WHERE c = ? UNION SELECT 1) ORDER BY id LIMIT 5',
    "SELECT 'UNION (' AS id FROM t WHERE a = ? -- union",
    'SELECT `where`, "?" AS id FROM t WHERE a = ?',
    'SELECT id FROM (SELECT id, a FROM t) AS d WHERE a = ? GROUP BY id HAVING COUNT(*) > ?',
  ])('is done for %s', (sql) => {
    expect(combinable(sql)).toBe(true);
  });

  it.each([
    ['a parameter is among the columns', 'SELECT ? AS id FROM t WHERE a = ?'],
    ['a column is made of a parameter', 'SELECT ROUND(price, ?) AS id FROM t WHERE a = ?'],
    ['a parameter is in a derived table', 'SELECT id FROM (SELECT ? AS id) AS d WHERE id > 0'],
    ['a parameter is in the columns of a subquery', 'SELECT (SELECT ? FROM u WHERE b = ?) AS id FROM t'],
    ['a parameter is in ON', 'SELECT id FROM t JOIN u ON u.a = ? WHERE t.a = 1'],
    ['there is a UNION', 'SELECT id FROM t WHERE a = ? UNION SELECT ?'],
    ['there is an EXCEPT', 'SELECT id FROM t WHERE a = ? EXCEPT SELECT 1.5'],
    ['it begins with WITH', 'WITH c AS (SELECT ? AS id) SELECT id FROM c WHERE id > ?'],
    ['it begins with a parenthesis', '(SELECT id FROM t WHERE a = ?)'],
    ['it locks', 'SELECT id FROM t WHERE a = ? FOR UPDATE'],
    ['it has variables', 'SELECT @n := a AS id FROM t WHERE a = ?'],
    ['a comment is run', 'SELECT id FROM t WHERE a = ? /*!80000 UNION SELECT ? */'],
    ['a comment is run on MariaDB', 'SELECT id FROM t WHERE a = ? /*M!100000 UNION SELECT ? */'],
    ['it has no WHERE', 'SELECT id FROM t LIMIT ?'],
    ['the parentheses do not match', 'SELECT id FROM t WHERE a = ?) AS x, (SELECT 1 AS y'],
  ])('is not done where %s', (_why, sql) => {
    expect(combinable(sql)).toBe(false);
  });

  it('is not done where a column has the name that tells the answers apart', () => {
    const sql = 'SELECT Unstale_Question FROM t WHERE a = ?';
    expect(combinable(sql, ['Unstale_Question'])).toBe(false);
  });
});
