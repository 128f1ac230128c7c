import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { xidOf } from './xid.ts';

describe('the transaction of an XA statement', () => {
  it.each([
    ["XA COMMIT X'6161',X'',1", '6161,,1'],
    ["XA ROLLBACK X'6A',X'AB',7", '6a,ab,7'],
    ["xa start x'6a' , 'b'", '6a,62,1'],
    ["XA END 'jo'", '6a6f,,1'],
    ['XA COMMIT 0x6A, 0xaB, 0 ONE PHASE', '6a,ab,0'],
  ])('%j is %s', (text, xid) => {
    expect(xidOf(text)).toBe(xid);
  });

  it.each(['COMMIT', 'XA RECOVER', 'XA COMMIT', "XA COMMIT X'6'", "XA COMMIT X'61',", "XA COMMIT 'a\\'b'"])(
    '%j has none that can be read',
    (text) => {
      expect(xidOf(text)).toBeUndefined();
    },
  );

  it('is the same in each statement of the transaction', () => {
    const bytes = fc
      .uint8Array({ minLength: 1, maxLength: 64 })
      .map((array) => Buffer.from(array).toString('hex'));
    fc.assert(
      fc.property(bytes, bytes, fc.nat(), (gtrid, bqual, format) => {
        const xid = `X'${gtrid}',X'${bqual.toUpperCase()}',${format}`;
        for (const verb of ['START', 'END', 'PREPARE', 'COMMIT', 'ROLLBACK']) {
          expect(xidOf(`XA ${verb} ${xid}`)).toBe(`${gtrid},${bqual},${format}`);
        }
      }),
    );
  });
});
