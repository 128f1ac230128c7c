/** How many slots a Redis Cluster has. */
export const SLOTS = 16_384;

const CRC16 = crc16Table();

/** The cluster slot of a key: CRC16 of its hash tag, or of the whole key (Redis cluster specification). */
export function keySlot(key: string | Buffer): number {
  if (typeof key === 'string') return slotOf(Buffer.from(hashTag(key) ?? key));
  // One character a byte, whatever the bytes mean.
  const text = key.toString('latin1');
  return slotOf(Buffer.from(hashTag(text) ?? text, 'latin1'));
}

/** What stands between the first `{` and the next `}`, if anything does. */
export function hashTag(key: string): string | undefined {
  const open = key.indexOf('{');
  if (open < 0) return undefined;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : undefined;
}

let tags: readonly string[] | undefined;

/** A text that hashes to the slot: the smallest number whose hexadecimal digits do. */
export function tagForSlot(slot: number): string {
  tags ??= slotTags();
  const tag = tags[slot];
  if (tag === undefined) throw new RangeError(`there is no slot ${slot}`);
  return tag;
}

function slotTags(): readonly string[] {
  const found = Array.from<string | undefined>({ length: SLOTS });
  let missing = SLOTS;
  for (let number = 0; missing > 0; number += 1) {
    const text = number.toString(16);
    const slot = slotOf(Buffer.from(text));
    if (found[slot] !== undefined) continue;
    found[slot] = text;
    missing -= 1;
  }
  return found.map((tag) => tag ?? '');
}

function slotOf(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ byte] ?? 0);
  return crc % SLOTS;
}

/** CRC16-CCITT, XMODEM. */
function crc16Table(): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    return crc;
  });
}
