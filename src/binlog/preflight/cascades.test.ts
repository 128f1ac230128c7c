import { expect, it } from 'vitest';

import { parseCascades } from './cascades.ts';

it('finds the foreign keys whose actions change the child, and names their parents', () => {
  const ddl = [
    'CREATE TABLE `items` (',
    "  `id` int NOT NULL COMMENT 'CONSTRAINT `no` FOREIGN KEY (`id`) REFERENCES `x` (`id`) ON DELETE CASCADE',",
    '  PRIMARY KEY (`id`),',
    '  CONSTRAINT `a` FOREIGN KEY (`order_id`) REFERENCES `orders` (`id`) ON DELETE CASCADE ON UPDATE SET NULL,',
    '  CONSTRAINT `b``c` FOREIGN KEY (`x`, `y`) REFERENCES `other``db`.`t` (`x`, `y`) ON UPDATE CASCADE,',
    '  CONSTRAINT `d` FOREIGN KEY (`z`) REFERENCES `quiet` (`z`) ON DELETE RESTRICT ON UPDATE NO ACTION,',
    '  CONSTRAINT `e` FOREIGN KEY (`z`) REFERENCES `quiet` (`z`),',
    "  CONSTRAINT `f` CHECK (`z` <> 'ON DELETE CASCADE')",
    ") ENGINE=InnoDB COMMENT='ON DELETE CASCADE'",
  ].join('\n');
  expect(parseCascades(ddl, 'shop')).toEqual([
    { constraint: 'a', parent: 'shop.orders', actions: 'ON DELETE CASCADE, ON UPDATE SET NULL' },
    { constraint: 'b`c', parent: 'other`db.t', actions: 'ON UPDATE CASCADE' },
  ]);
});
