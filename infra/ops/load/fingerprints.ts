import { hash } from 'node:crypto';

const INITIAL_CAPACITY = 1 << 12;

/**
 * Remembers at which line a key was first seen, in about 24 bytes a key instead of the key itself: 500,000 uids take 24 MB
 * at the most. Keys are told apart by 64 bits of their SHA-256; two of a million being taken for one has odds of 1 : 10^7.
 */
export class FingerprintMap {
  private keys = new BigUint64Array(INITIAL_CAPACITY);
  private lines = new Uint32Array(INITIAL_CAPACITY);
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The line of an equal key added before, else undefined and the key is now known. `line` counts from 1. */
  add(key: string, line: number): number | undefined {
    const fingerprint = hash('sha256', key, 'buffer').readBigUInt64LE();
    const slot = this.slotOf(fingerprint);
    const known = this.lines[slot] as number;
    if (known !== 0) return known;
    this.keys[slot] = fingerprint;
    this.lines[slot] = line;
    this.count += 1;
    if (this.count * 2 > this.keys.length) this.grow();
    return undefined;
  }

  /** Open addressing; a slot whose line is 0 is free. */
  private slotOf(fingerprint: bigint): number {
    const mask = this.keys.length - 1;
    let slot = Number(fingerprint & 0xffff_ffffn) & mask;
    while (this.lines[slot] !== 0 && this.keys[slot] !== fingerprint) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const { keys, lines } = this;
    this.keys = new BigUint64Array(keys.length * 2);
    this.lines = new Uint32Array(lines.length * 2);
    for (let i = 0; i < keys.length; i++) {
      if (lines[i] === 0) continue;
      const slot = this.slotOf(keys[i] as bigint);
      this.keys[slot] = keys[i] as bigint;
      this.lines[slot] = lines[i] as number;
    }
  }
}
